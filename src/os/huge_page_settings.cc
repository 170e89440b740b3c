// SPDX-License-Identifier: MIT
#include "os/huge_page_settings.h"

#include <sys/prctl.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cstring>

#include "os/keep_errno.h"
#include "os/limits.h"
#include "os/memory.h"
#include "os/own_groups.h"

namespace spanheap::os {
namespace {

constexpr char kUseFile[] = "/sys/kernel/mm/transparent_hugepage/enabled";
constexpr char kPressureFile[] = "/proc/pressure/memory";

bool IsForbiddenHere() { return prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1; }

bool StartsWith(const char* text, size_t size, const char* word) {
  const size_t n = strlen(word);
  return size >= n && memcmp(text, word, n) == 0;
}

}  // namespace

HugePageSettings::Use ParseHugePageUse(const char* text, size_t size) {
  const auto* open = static_cast<const char*>(memchr(text, '[', size));
  if (open == nullptr) return HugePageSettings::Use::kNever;
  const size_t left = size - static_cast<size_t>(open - text);
  if (StartsWith(open, left, "[always]")) return HugePageSettings::Use::kAlways;
  if (StartsWith(open, left, "[madvise]")) return HugePageSettings::Use::kOnAdvice;
  return HugePageSettings::Use::kNever;
}

HugePageSettings ReadHugePageSettings() {
  KeepErrno keep;
  HugePageSettings settings;
  settings.size = HugePageSize();
  if (settings.size.value == 0 || IsForbiddenHere()) return settings;
  char text[64];
  const long size = ReadSmallFile(kUseFile, text, sizeof text);
  if (size > 0) settings.use = ParseHugePageUse(text, static_cast<size_t>(size));
  return settings;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"
bool ParsePressure(const char* text, size_t size) {
  constexpr char kBefore[] = "some avg10=";
  if (!StartsWith(text, size, kBefore)) return false;
  for (size_t i = sizeof kBefore - 1; i < size && text[i] != ' ' && text[i] != '\n'; ++i) {
    if (text[i] >= '1' && text[i] <= '9') return true;
  }
  return false;
}

bool ReadPressure(const char* path) {
  char text[128];
  const long size = ReadSmallFile(path, text, sizeof text);
  return size > 0 && ParsePressure(text, static_cast<size_t>(size));
}

MemoryState WithinGroups(MemoryState state, const GroupState& groups) {
  state.total = std::min(state.total, groups.limit);
  state.free = std::min(state.free, groups.room);
  state.has_pressure = state.has_pressure || groups.has_pressure;
  return state;
}

MemoryState ReadMemoryState() {
  KeepErrno keep;
  MemoryState state;
  struct sysinfo info{};
  if (sysinfo(&info) == 0) {
    state.total = Bytes(info.totalram * info.mem_unit);
    state.free = Bytes(info.freeram * info.mem_unit);
  }
  state.has_pressure = ReadPressure(kPressureFile);
  return WithinGroups(state, ReadGroupState());
}

}  // namespace spanheap::os
