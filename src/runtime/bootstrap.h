// SPDX-License-Identifier: MIT
//
// Bootstrap: a small arena for calls that cannot use the heap: a signal handler that interrupted a
// slow path of the same thread and allocates all the same.
//
// Idea.    Bump allocation by one compare-exchange in 64 KiB of zero memory; nothing is ever
//          reused. A header of 16 bytes before each block holds its size. No block is empty, so
//          that each lies inside the arena.
// Threads. Any; lock-free, async-signal-safe.
// Fails.   Null when the rest of the arena is too short; it stays for shorter requests.
// Tests.   tests/runtime/bootstrap_test.cc.
#pragma once

#include "base/atomic.h"
#include "base/bits.h"
#include "base/units.h"

namespace spanheap {

class Bootstrap {
 public:
  constexpr Bootstrap() = default;

  void* Allocate(size_t n) {
    if (n > sizeof(memory_)) return nullptr;
    const size_t size = RoundUp(n == 0 ? 1 : n, kHeader) + kHeader;
    size_t at = used_.LoadAcquire();
    do {
      if (size > sizeof(memory_) - at) return nullptr;
    } while (!used_.CompareExchange(at, at + size));
    *reinterpret_cast<size_t*>(memory_ + at) = size - kHeader;
    return memory_ + at + kHeader;
  }
  bool Contains(const void* p) const {
    return AddressOf(p).value - AddressOf(memory_).value < sizeof(memory_);
  }
  static size_t SizeOf(const void* p) {
    return *reinterpret_cast<const size_t*>(static_cast<const char*>(p) - kHeader);
  }

 private:
  friend struct RootRecord;  // its layout is described to tools
  static constexpr size_t kHeader = 16;

  alignas(kHeader) char memory_[64 << 10] = {};
  Atomic<size_t> used_;
};

}  // namespace spanheap
