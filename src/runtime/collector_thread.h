// SPDX-License-Identifier: MIT
//
// CollectorThread: the thread that runs the cycles, and how others ask it for one.
//
// Idea.    Requests are numbers. The thread takes the highest number there is, runs a cycle,
//          sweeps (a moment later, where that is left to who needs slots), and says that all
//          requests up to that number are served. It is started by the first request; a forked
//          child starts its own. Where no thread can be had, who asks runs the cycle, parked as
//          whoever waits for one, and the next request tries again to start the thread.
// Threads. Request and Collect: any thread, outside of sections, no signal handler. Either the
//          thread runs cycles or one of those who ask: start_mutex_ guards which.
// Fails.   Without a thread one line says so.
// Go.      mgc.go gcStart's trigger, bgsweep.
// Tests.   tests/runtime/collected_heap_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/platform.h"
#include "collect/collector.h"
#include "runtime/service_thread.h"
#include "sync/mutex.h"

namespace spanheap {

class CollectorThread {
 public:
  constexpr explicit CollectorThread(collected::Collector& collector) : collector_(collector) {}

  // A whole cycle that begins after this call, and all is swept.
  void Collect();
  // Asks for a cycle that begins after this call; returns its number, 0: there is no thread.
  uint32_t Request(bool forced);
  // No cycle for it has begun yet.
  bool IsAhead(uint32_t request) const {
    return static_cast<int32_t>(request - taken_.LoadAcquire()) > 0;
  }
  // Returns when the request is served and all is swept. The caller is parked.
  void Await(uint32_t request);
  // A cycle is due and nobody has asked for it yet.
  void RequestDue() {
    if (due_.LoadAcquire() != 0 || due_.Exchange(1) != 0) return;
    if (Request(false) == 0) ServeDueHere();
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
  void Mark(bool forced);
  void Sweep(bool forced);
  // On a thread of the program; false: somebody else is at it.
  SPANHEAP_COLD bool ServeHere(bool forced) EXCLUDES(start_mutex_);
  SPANHEAP_COLD void ServeDueHere();
  bool TakeTurn() EXCLUDES(start_mutex_);
  void EndTurn() EXCLUDES(start_mutex_);
  void RequestPeriodic();
  void DropOldMarks(uint64_t age_ns);
  bool is_idle() const { return requested_.LoadAcquire() == served_.LoadAcquire(); }

  collected::Collector& collector_;
  ServiceThread thread_{"spanheap-gc", Main};
  Mutex start_mutex_{LockRank::kStartUp};
  bool is_running_ GUARDED_BY(start_mutex_) = false;
  bool is_served_here_ GUARDED_BY(start_mutex_) = false;  // by a thread of the program, just now
  Atomic<uint32_t> requested_;  // futex words; this and forced_ are written under start_mutex_
  Atomic<uint32_t> taken_;      // up to here a cycle has begun
  Atomic<uint32_t> served_;
  Atomic<uint32_t> forced_;  // the highest request that was made by hand
  Atomic<uint32_t> turns_;   // a futex word: how often a thread of the program was done
  Atomic<uint32_t> is_lost_;
  Atomic<bool> has_said_;  // that there is no thread
  Atomic<uint32_t> due_;   // 1: a cycle was asked for because the heap has grown
};

}  // namespace spanheap
