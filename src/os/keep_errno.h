// SPDX-License-Identifier: MIT
//
// KeepErrno: puts errno back at the end of a scope. free() and friends may not change it, and what
// a refused system call leaves there is nobody's business outside this room.
#pragma once

#include <cerrno>

namespace spanheap::os {

class KeepErrno {
 public:
  KeepErrno() : kept_(errno) {}
  ~KeepErrno() { errno = kept_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  const int kept_;
};

}  // namespace spanheap::os
