// SPDX-License-Identifier: MIT
//
// FinalizerThread: runs finalizers, destructors that run later, and cleanups, one after the other.
//
// Idea.    A thread of the heap's own that is a mutator like any other: what it runs may allocate,
//          store and read. It sleeps parked while nothing is queued.
// Threads. WakeUp: any, inside a section too; it only sets a word. EnsureRunning: outside of
//          sections. Drain: any but its own.
// Go.      mfinal.go runfinq.
// Tests.   tests/runtime/collected_death_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "collect/specials.h"
#include "sync/mutex.h"

namespace spanheap {

class FinalizerThread {
 public:
  constexpr explicit FinalizerThread(collected::Specials& specials) : specials_(specials) {}

  // Something was queued; the thread need not exist yet.
  void WakeUp();
  // Somebody has asked for finalizers: the thread is there from now on.
  bool EnsureRunning();
  // Waits until what is queued now has run; false: not within the time.
  bool Drain(uint64_t timeout_ns);
  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS;

 private:
  static void Main(void* self);
  void RunAll();
  static void Run(const collected::Special& special);

  collected::Specials& specials_;
  Mutex start_mutex_{LockRank::kStartUp};
  bool is_running_ GUARDED_BY(start_mutex_) = false;
  Atomic<uint32_t> wanted_;    // a futex word: changes when something was queued
  Atomic<uint32_t> finished_;  // a futex word: changes when something has run
  Atomic<uint32_t> thread_id_;
};

}  // namespace spanheap
