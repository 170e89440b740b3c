// SPDX-License-Identifier: MIT
#include "spanheap/look/locked_memory.h"

#include <fmt/core.h>

#include <fstream>
#include <sstream>
#include <string>

namespace spanheap::look {
namespace {

// The number after `key` in a file of the process; false: there is none ("unlimited").
bool ReadAfter(pid_t pid, const char* file, const std::string& key, uint64_t& number) {
  std::ifstream lines(fmt::format("/proc/{}/{}", pid, file));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    return static_cast<bool>(std::istringstream(line.substr(key.size())) >> number);
  }
  return false;
}

}  // namespace

LockedMemory LockedMemoryOf(pid_t pid) {
  LockedMemory locked;
  uint64_t number = 0;
  if (ReadAfter(pid, "status", "VmLck:", number)) locked.bytes = number << 10;
  if (ReadAfter(pid, "limits", "Max locked memory", number)) locked.limit = number;
  return locked;
}

}  // namespace spanheap::look
