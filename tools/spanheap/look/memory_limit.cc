// SPDX-License-Identifier: MIT
#include "spanheap/look/memory_limit.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace spanheap::look {
namespace {

// Version 1 says "none" by a number near 2^63.
constexpr uint64_t kNone = uint64_t{1} << 60;

uint64_t ReadLimit(const std::string& path) {
  std::ifstream file(path);
  uint64_t bytes = 0;
  return file >> bytes && bytes < kNone ? bytes : 0;
}

// The least limit of a group and of those that contain it.
uint64_t LeastUpwards(const std::string& root, std::string group, const char* file) {
  uint64_t least = 0;
  for (;;) {
    const uint64_t limit = ReadLimit(root + group + "/" + file);
    if (limit != 0) least = least == 0 ? limit : std::min(least, limit);
    const size_t slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return least;
    group.resize(slash);
  }
}

}  // namespace

uint64_t MemoryLimitOf(pid_t pid) {
  std::ifstream groups(fmt::format("/proc/{}/cgroup", pid));
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1) == "/" ? "" : line.substr(second + 1);
    uint64_t limit = 0;
    if (controllers == ",,") limit = LeastUpwards("/sys/fs/cgroup", group, "memory.max");
    if (controllers.find(",memory,") != std::string::npos) {
      limit = LeastUpwards("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
    }
    if (limit != 0) return limit;
  }
  return 0;
}

}  // namespace spanheap::look
