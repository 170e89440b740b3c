// SPDX-License-Identifier: MIT
//
// TouchThread: touches the next huge page of a growing collected heap, so that no thread of the
// program waits for the system to find and clear it (pages/huge_ahead.h).
//
// Idea.    A thread that sleeps until somebody has taken pages next to a huge page that is to come.
//          It is started by the first of these; a forked child starts its own.
// Threads. Notice: any, outside of sections, no signal handler.
// Fails.   Without a thread the pages stay ordinary.
// Go.      Nothing of the kind: there the kernel is not asked for huge pages.
// Tests.   tests/runtime/touch_thread_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "pages/page_heap.h"
#include "sync/mutex.h"

namespace spanheap {

class TouchThread {
 public:
  constexpr explicit TouchThread(PageHeap& pages) : pages_(pages) {}

  // To be called after pages were taken.
  void Notice() {
    if (pages_.TakeTouchDue()) [[unlikely]]
      WakeUp();
  }
  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS;

 private:
  SPANHEAP_COLD void WakeUp();
  static void Main(void* self);
  bool TouchNext();

  PageHeap& pages_;
  Mutex start_mutex_{LockRank::kStartUp};
  bool is_running_ GUARDED_BY(start_mutex_) = false;
  Atomic<uint32_t> wanted_;  // a futex word: changes when a page is due
};

}  // namespace spanheap
