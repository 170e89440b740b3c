// SPDX-License-Identifier: MIT
//
// OnPages<T>: a T in pages of its own for the length of a scope, where T is large and the caller's
// stack may be small, and neither malloc nor a lock is to be had.
//
// Fails. Without memory there is none: is_there() is false.
// Cost.  Two or three system calls, and a page fault for each page used.
#pragma once

#include <new>

#include "base/bits.h"
#include "os/memory.h"

namespace spanheap::os {

template <class T>
class OnPages {
 public:
  OnPages() : start_(TheMemory().Reserve(Size(), PageSize(), nullptr)) {
    if (start_ == Address()) return;
    if (TheMemory().MakeReady(start_, Size())) {
      value_ = ::new (PointerTo<void>(start_)) T();
    }
  }
  ~OnPages() {
    if (value_ != nullptr) value_->~T();
    if (start_ != Address()) TheMemory().Unreserve(start_, Size());
  }
  OnPages(const OnPages&) = delete;
  OnPages& operator=(const OnPages&) = delete;

  bool is_there() const { return value_ != nullptr; }
  T& operator*() const { return *value_; }

 private:
  static Bytes Size() { return RoundUp(Bytes(sizeof(T)), PageSize()); }

  const Address start_;
  T* value_ = nullptr;
};

}  // namespace spanheap::os
