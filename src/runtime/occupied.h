// SPDX-License-Identifier: MIT
//
// Occupied: keeps the calling thread's signal handlers out of the heap while the thread is where no
// core section says so: starting the heap, attaching, leaving, using the shared block, forking.
//
// Idea.    A handler that interrupts such code could wait for a lock that its own thread holds, or
//          change what is half done. HeapSection looks at the mark and turns the handler away, as
//          it does inside a section: it is served by the bootstrap arena, and its frees are
//          deferred. A stop of this thread waits, too.
// Threads. The calling thread only. Nests: a handler that was turned away may fork.
#pragma once

#include <atomic>

#include "caches/thread_block.h"
#include "sync/stop_delay.h"

namespace spanheap {

class Occupied {
 public:
  Occupied() { Begin(); }
  ~Occupied() { End(); }
  Occupied(const Occupied&) = delete;
  Occupied& operator=(const Occupied&) = delete;

  // The calling thread is in such a stretch or in a section: this is a handler that interrupted it.
  static bool IsInHeap() {
    const ThreadBlock* const block = this_thread.block;
    // Relaxed: this thread's own.
    return this_thread.occupied != 0 ||
           (block != nullptr && block->state.section_depth.LoadRelaxed() != 0);
  }

  // For stretches that are no scope. The fences order the mark for a handler of this thread.
  static void Begin() {
    StopDelay::Begin();
    ++this_thread.occupied;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  static void End() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    --this_thread.occupied;
    StopDelay::End();
  }
};

}  // namespace spanheap
