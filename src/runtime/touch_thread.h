// SPDX-License-Identifier: MIT
//
// TouchThread: touches the next huge page of a growing collected heap, so that no thread of the
// program waits for the system to find and clear it (pages/huge_ahead.h).
//
// Idea.    A thread that sleeps until somebody has taken pages next to a huge page that is to come.
//          It is started by the first of these; a forked child starts its own. While a mark goes on
//          it rests: the processors are at work, and the thread that is to be spared a touch would
//          lose its own to it, for longer than ordinary pages take.
// Threads. Notice: any, outside of sections, no signal handler.
// Fails.   Without a thread the pages stay ordinary.
// Go.      Nothing of the kind: there the kernel is not asked for huge pages.
// Tests.   tests/runtime/touch_thread_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "collect/heap_state.h"
#include "pages/page_heap.h"
#include "runtime/service_thread.h"
#include "sync/mutex.h"

namespace spanheap {

class TouchThread {
 public:
  constexpr TouchThread(PageHeap& pages, const collected::HeapState& state)
      : pages_(pages), state_(state) {}

  // To be called after pages were taken. What is due in a mark is due again when more are taken.
  void Notice() {
    if (pages_.TakeTouchDue()) [[unlikely]]
      if (!state_.is_marking()) WakeUp();
  }
  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS;

 private:
  SPANHEAP_COLD void WakeUp();
  static void Main(void* self);
  bool TouchNext();

  PageHeap& pages_;
  const collected::HeapState& state_;
  ServiceThread thread_{"spanheap-touch", Main};
  Mutex start_mutex_{LockRank::kStartUp};
  bool is_running_ GUARDED_BY(start_mutex_) = false;
  Atomic<uint32_t> wanted_;  // a futex word: changes when a page is due
};

}  // namespace spanheap
