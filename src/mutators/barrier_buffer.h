// SPDX-License-Identifier: MIT
//
// BarrierBuffer: the pointers that a thread's stores overwrote and wrote while the collector
// marks, until somebody marks them.
//
// Invariants. Entries [0, count) are filled, in pairs: what was there, what is there now. Nulls
//             and words that are no pointers are among them.
// Threads.    The owner inside a StopDelay; or whoever holds the thread stopped.
// Go.         mwbbuf.go.
#pragma once

#include <cstdint>

namespace spanheap {

struct BarrierBuffer {
  // More means fewer flushes and more marking left to the ends of phases.
  static constexpr uint32_t kCapacity = 512;

  bool is_full() const { return count > kCapacity - 2; }
  void Put(void* before, void* after) {
    entries[count] = before;
    entries[count + 1] = after;
    count += 2;
  }

  uint32_t count = 0;
  void* entries[kCapacity] = {};
};

}  // namespace spanheap
