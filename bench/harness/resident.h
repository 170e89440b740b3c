// SPDX-License-Identifier: MIT
//
// ResidentMemory: how much memory the process holds now, read with plain system calls so that
// reading allocates nothing.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

namespace spanheap::bench {

struct ResidentMemory {
  std::uint64_t all = 0;    // bytes
  std::uint64_t files = 0;  // of these: pages of files, mostly code
};

// The second and the third number of /proc/self/statm in bytes; 0 when they cannot be read.
inline ResidentMemory ReadResident() {
  char text[128];
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return {};
  text[length] = '\0';
  const char* at = text;
  while (*at != '\0' && *at != ' ') ++at;
  const auto next_number = [&at] {
    std::uint64_t pages = 0;
    if (*at != '\0') ++at;
    for (; *at >= '0' && *at <= '9'; ++at)
      pages = pages * 10 + static_cast<std::uint64_t>(*at - '0');
    return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  };
  const std::uint64_t all = next_number();
  return {all, next_number()};
}

inline std::uint64_t ResidentBytes() { return ReadResident().all; }

}  // namespace spanheap::bench
