// SPDX-License-Identifier: MIT
#include "os/output.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "os/keep_errno.h"

namespace spanheap::os {
namespace {

// System calls by number: libc's wrappers of these are cancellation points.
int Create(const char* path) {
  KeepErrno keep;
  return static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
}

}  // namespace

bool WriteAll(int descriptor, const char* data, size_t size) {
  KeepErrno keep;
  while (size > 0) {
    const long written = syscall(SYS_write, descriptor, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

OutputFile::OutputFile(const char* path) : descriptor_(Create(path)) {}

OutputFile::~OutputFile() {
  KeepErrno keep;
  if (descriptor_ >= 0) syscall(SYS_close, descriptor_);
}

}  // namespace spanheap::os
