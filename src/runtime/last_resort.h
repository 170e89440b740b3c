// SPDX-License-Identifier: MIT
//
// LastResort: what an allocation of collected objects does before it fails.
//
// Idea.    First all free memory goes back, as for malloc (runtime/limits.h). Then a whole cycle
//          runs that begins from here on, and is swept; if the room it has made does not do as
//          it is, it goes back, too. Then the program's callback may help; since what it lets go
//          of counts as alive until a mark, a cycle follows each time it says so. After each
//          step the allocation is tried again. Threads that fail before a cycle has begun share
//          it. How often there may be one says policy/rescue_budget.h; else it is left out.
// Threads. Any mutator outside of sections: it is parked while it waits, so the finalizers' thread,
//          a limit callback, a thread that keeps locks of the program may. Who is in the heap
//          already (a handler that interrupted it, a destructor at sweep, trace()) or forks must
//          not wait for those who wait for it: it fails at once. The collector's own threads run
//          nothing of the program's outside of sections.
// Go.      Nothing: there is no limit that refuses.
// Tests.   tests/runtime/last_resort_test.cc.
#pragma once

#include <cstddef>

#include "base/annotations.h"
#include "base/platform.h"
#include "collect/collector.h"
#include "policy/rescue_budget.h"
#include "runtime/collector_thread.h"
#include "sync/mutex.h"

namespace spanheap {

class LastResort {
 public:
  // How far one allocation has come.
  struct Attempts {
    bool has_given_back = false;
    bool has_collected = false;
    unsigned refusals = 0;
  };

  constexpr LastResort(collected::Collector& collector, CollectorThread& thread)
      : collector_(collector), thread_(thread) {}

  // The calling thread's allocation of `n` bytes has failed. True: it is to be tried again.
  SPANHEAP_COLD bool AfterFailure(collected::HeapThread& thread, size_t n, Attempts& attempts);

  // A cycle, if one is worth it.
  SPANHEAP_COLD bool CollectIfWorth();

  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS;

 private:
  bool GiveBack(collected::HeapThread& thread, size_t n);
  bool Refuse(collected::HeapThread& thread, size_t n, Attempts& attempts);
  bool CollectWithin(size_t n);
  bool TryTake();
  void Collect();
  policy::RescueBudget::Now Now() const;

  collected::Collector& collector_;
  CollectorThread& thread_;
  Mutex mutex_{LockRank::kPace};
  policy::RescueBudget budget_ GUARDED_BY(mutex_);
  // A cycle that was paid for is about to be asked for; the last one that was.
  bool is_asking_ GUARDED_BY(mutex_) = false;
  uint32_t request_ GUARDED_BY(mutex_) = 0;
};

}  // namespace spanheap
