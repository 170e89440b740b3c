// SPDX-License-Identifier: MIT
//
// StopDelay: a stretch of code during which a stop signal only leaves a mark; its end obeys.
//
// Idea.    A thread that holds a lock of the heap, or is halfway through a change of what others
//          read, must not be stopped there: who stopped it may need that lock. So the handler
//          looks at this thread's depth; above zero it sets `pending` and returns, and the end of
//          the outermost stretch calls the hook, where the thread waits as it would in the
//          handler. Every core section is such a stretch.
// Threads. The calling thread and its own signal handlers only. The hook is set once.
// Cost.    Begin: an add in thread-local memory. End: the same and a test. No atomic operation.
// Tests.   tests/mutators/stop_the_world_test.cc.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"

namespace spanheap {

struct StopState {
  Atomic<uint32_t> depth;    // open stretches
  Atomic<uint32_t> pending;  // set by the handler while depth is above 0
};
extern constinit thread_local StopState this_stop [[gnu::visibility("hidden")]];

class StopDelay {
 public:
  StopDelay() { Begin(); }
  ~StopDelay() { End(); }
  StopDelay(const StopDelay&) = delete;
  StopDelay& operator=(const StopDelay&) = delete;

  // For stretches that are no scope. The fences order the depth for a handler of this thread.
  static void Begin() {
    State().depth.AddOwned(1);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  static void End() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    StopState& state = State();
    state.depth.AddOwned(-1U);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // Relaxed: written by a handler of this thread.
    if (state.pending.LoadRelaxed() != 0) [[unlikely]]
      ObeySlow();
  }
  // Relaxed: this thread's own.
  static bool is_open() { return State().depth.LoadRelaxed() != 0; }

  // What the end of a delayed stop calls, on that thread.
  static void SetHook(void (*stop)());

 private:
  // Through a register of its own: where gcc checks for null it takes the flags of the addition
  // that forms a thread-local address, and the linker may turn that into one that sets none.
  static StopState& State() {
    StopState* state = &this_stop;
    asm("" : "+r"(state));
    return *state;
  }
  SPANHEAP_COLD static void ObeySlow();
};

}  // namespace spanheap
