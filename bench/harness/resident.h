// SPDX-License-Identifier: MIT
//
// ResidentBytes: how much memory the process holds now, read with plain system calls so that
// reading allocates nothing.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

namespace spanheap::bench {

// The second number of /proc/self/statm in bytes; 0 when it cannot be read.
inline std::uint64_t ResidentBytes() {
  char text[128];
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = '\0';
  const char* at = text;
  while (*at != '\0' && *at != ' ') ++at;
  std::uint64_t pages = 0;
  for (++at; *at >= '0' && *at <= '9'; ++at)
    pages = pages * 10 + static_cast<std::uint64_t>(*at - '0');
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace spanheap::bench
