// SPDX-License-Identifier: MIT
//
// CollectorThread: the thread that runs the cycles, and how others ask it for one.
//
// Idea.    Requests are numbers. The thread takes the highest number there is, runs a cycle,
//          sweeps (a moment later, where that is left to who needs slots), and says that all
//          requests up to that number are served. It is started by the first request; a forked
//          child starts its own.
// Threads. Request and Await: any thread, outside of sections, no signal handler. Await: parked.
// Fails.   Without a thread nothing is collected; the next request tries again.
// Go.      mgc.go gcStart's trigger, bgsweep.
// Tests.   tests/runtime/collected_heap_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "collect/collector.h"
#include "runtime/service_thread.h"
#include "sync/mutex.h"

namespace spanheap {

class CollectorThread {
 public:
  constexpr explicit CollectorThread(collected::Collector& collector) : collector_(collector) {}

  // Asks for a cycle that begins after this call; returns its number, 0: there is no thread.
  uint32_t Request(bool forced);
  // Returns when the request is served and all is swept. The caller is parked.
  void Await(uint32_t request);
  // A cycle is due and nobody has asked for it yet.
  void RequestDue() {
    if (due_.LoadAcquire() != 0 || due_.Exchange(1) != 0) return;
    if (Request(false) == 0) due_.StoreRelease(0);  // no thread: the next one tries again
  }

  // Somebody has.
  bool is_requested() const { return due_.LoadAcquire() != 0; }

  // A forked child's parent had one; it has none yet.
  bool is_lost() const { return is_lost_.LoadRelaxed() != 0; }  // relaxed: set before others run

  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS;

 private:
  static void Main(void* self);
  bool EnsureRunningLocked() REQUIRES(start_mutex_);
  uint32_t NextRequest(bool forced) EXCLUDES(start_mutex_);
  void Serve();
  void AwaitSwept();
  void RequestPeriodic();
  void DropOldMarks(uint64_t age_ns);
  bool is_idle() const { return requested_.LoadAcquire() == served_.LoadAcquire(); }

  collected::Collector& collector_;
  ServiceThread thread_{"spanheap-gc", Main};
  Mutex start_mutex_{LockRank::kStartUp};
  bool is_running_ GUARDED_BY(start_mutex_) = false;
  Atomic<uint32_t> requested_;  // futex words; this and forced_ are written under start_mutex_
  Atomic<uint32_t> served_;
  Atomic<uint32_t> forced_;  // the highest request that was made by hand
  Atomic<uint32_t> is_lost_;
  Atomic<uint32_t> due_;  // 1: a cycle was asked for because the heap has grown
};

}  // namespace spanheap
