// SPDX-License-Identifier: MIT
#include "os/small_file.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/platform.h"
#include "os/keep_errno.h"
#include "os/limits.h"

namespace spanheap::os {

// System calls by number: libc's wrappers of these are cancellation points.
SmallFile::SmallFile(const char* path)
    : descriptor_(static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0))) {}

SmallFile::~SmallFile() {
  if (descriptor_ >= 0) syscall(SYS_close, descriptor_);
}

SPANHEAP_AT_START long SmallFile::Read(char* buffer, size_t capacity) {
  if (descriptor_ < 0) return -1;
  size_t got = 0;
  while (got < capacity) {
    const long n = syscall(SYS_read, descriptor_, buffer + got, capacity - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return static_cast<long>(got);
}

SPANHEAP_AT_START long ReadSmallFile(const char* path, char* buffer, size_t capacity) {
  KeepErrno keep;
  SmallFile file(path);
  return file.Read(buffer, capacity);
}

}  // namespace spanheap::os
