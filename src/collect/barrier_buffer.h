// SPDX-License-Identifier: MIT
//
// BarrierBuffer: what one thread's pointer stores saw while marking: values to be shaded.
//
// Idea.    Each store under the barrier leaves the old value of the slot and the new one. They are
//          looked up when the buffer is full, when marking is about to end, and when the world
//          stops.
// Threads. The owner inside a section, or the collector while the owner is stopped.
// Go.      mwbbuf.go.
#pragma once

#include <cstdint>

namespace spanheap::collected {

struct BarrierBuffer {
  static constexpr uint32_t kCapacity = 512;
  uint32_t count = 0;
  uintptr_t values[kCapacity] = {};

  // False: no room for another pair afterwards.
  bool Add(uintptr_t before, uintptr_t after) {
    values[count++] = before;
    values[count++] = after;
    return count + 2 <= kCapacity;
  }
};

}  // namespace spanheap::collected
