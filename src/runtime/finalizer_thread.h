// SPDX-License-Identifier: MIT
//
// FinalizerThread: runs finalizers, destructors that run later, and cleanups, one after the other.
//
// Idea.    A thread of the heap's own that is a mutator like any other: what it runs may allocate,
//          store and read. It sleeps parked while nothing is queued. A forked child has none until
//          something is queued there, or was in the parent; what ran there counts as run.
// Threads. WakeUp: any, inside a section too; it only sets a word. EnsureRunning...: outside of
//          sections. Drain: any but its own.
// Go.      mfinal.go runfinq.
// Tests.   tests/runtime/collected_death_test.cc, finalizer_fork_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "collect/specials.h"
#include "mutators/mutator.h"
#include "runtime/service_thread.h"
#include "sync/mutex.h"

namespace spanheap {

class FinalizerThread {
 public:
  constexpr explicit FinalizerThread(collected::Specials& specials) : specials_(specials) {}

  // Something was queued; the thread need not exist yet.
  void WakeUp();
  // Somebody has asked for finalizers: the thread is there from now on.
  bool EnsureRunning();
  // As it is if something is queued. False: nobody runs what is.
  bool EnsureRunningIfQueued();
  // Waits until what is queued now has run; false: not within the time, or there is no thread.
  bool Drain(uint64_t timeout_ns);
  // Something waits or runs, and the thread for it is there.
  bool is_busy() const { return is_running() && has_queued(); }
  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS;

 private:
  static void Main(void* self);
  void RunAll();
  static void Run(const collected::Special& special);
  bool has_queued() const {
    return specials_.run() != specials_.queued() ||
           specials_.cleanups_run() != specials_.cleanups_queued();
  }
  bool is_running() const { return is_running_.LoadAcquire() != 0; }
  // Called by the thread itself.
  bool IsThis() const;

  collected::Specials& specials_;
  ServiceThread thread_{"spanheap-final", Main};
  Mutex start_mutex_{LockRank::kStartUp};
  Atomic<uint32_t> is_running_;     // written under start_mutex_
  Atomic<uint32_t> wanted_;         // a futex word: changes when something was queued
  Atomic<uint32_t> finished_;       // a futex word: changes when something has run
  Atomic<const Mutator*> mutator_;  // the thread's own
};

}  // namespace spanheap
