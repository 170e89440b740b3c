// SPDX-License-Identifier: MIT
#include "os/system_text.h"

#include <gnu/libc-version.h>
#include <pthread.h>
#include <sys/auxv.h>

#include <cstdint>

#include "base/atomic.h"
#include "os/keep_errno.h"
#include "os/line_reader.h"
#include "os/proc_text.h"

namespace spanheap::os {
namespace {

struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;

  bool Contains(uintptr_t at) const { return at >= begin && at < end; }
};

struct SystemText {
  Range libc;
  Range threads;
  Range linker;

  bool Find();
  bool Contains(uintptr_t at) const {
    return libc.Contains(at) || threads.Contains(at) || linker.Contains(at);
  }
};

// "7f12a000-7f12c000 r-xp ...": the range, and whether it is executable.
bool ParseMapping(const char* line, Range& range, bool& is_code) {
  uint64_t begin = 0;
  uint64_t end = 0;
  if (!NumberAfter(line, "", 16, begin) || !NumberAfter(line, "-", 16, end)) return false;
  range = {begin, end};
  const char* rights = strchr(line, ' ');
  is_code = rights != nullptr && strlen(rights) > 4 && rights[3] == 'x';
  return true;
}

bool SystemText::Find() {
  const auto of_libc = reinterpret_cast<uintptr_t>(&gnu_get_libc_version);
  const auto of_threads = reinterpret_cast<uintptr_t>(&pthread_create);
  const uintptr_t base = getauxval(AT_BASE);
  if (base == 0) return false;
  bool in_linker = false;  // its code is still to come
  LineReader lines("/proc/self/maps");
  while (const char* line = lines.Next()) {
    Range range;
    bool is_code = false;
    if (!ParseMapping(line, range, is_code)) continue;
    in_linker = in_linker || range.begin == base;
    if (!is_code) continue;
    if (range.Contains(of_libc)) libc = range;
    if (range.Contains(of_threads)) threads = range;
    if (in_linker) linker = range;
    in_linker = false;
  }
  return libc.end != 0 && linker.end != 0;
}

enum State : uint32_t { kUnknown, kBeingFound, kFound, kNone };

constinit Atomic<uint32_t> state{kUnknown};
constinit SystemText text;  // constant once `state` is kFound

}  // namespace

bool IsInSystemText(const void* pc) {
  KeepErrno keep;
  uint32_t unknown = kUnknown;
  if (state.CompareExchangeStrong(unknown, kBeingFound)) {
    state.StoreRelease(text.Find() ? kFound : kNone);
  }
  return state.LoadAcquire() != kFound || text.Contains(reinterpret_cast<uintptr_t>(pc));
}

}  // namespace spanheap::os
