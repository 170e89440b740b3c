// SPDX-License-Identifier: MIT
//
// BarrierBuffer: the pointers that a thread's stores overwrote, and perhaps those they wrote, while
// the collector marks, until somebody marks them.
//
// Invariants. Entries [0, count) are filled. Words that are no pointers are among them, but no
//             nulls.
// Threads.    The owner inside a StopDelay; or whoever holds the thread stopped.
// Go.         mwbbuf.go.
#pragma once

#include <cstdint>

namespace spanheap {

struct BarrierBuffer {
  // More means fewer flushes and more marking left to the ends of phases.
  static constexpr uint32_t kCapacity = 512;

  bool is_full() const { return count == kCapacity; }
  void Put(void* word) { entries[count++] = word; }

  uint32_t count = 0;
  void* entries[kCapacity] = {};
};

}  // namespace spanheap
