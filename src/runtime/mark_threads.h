// SPDX-License-Identifier: MIT
//
// MarkThreads: the threads that mark beside the collector's own.
//
// Idea.    A thread per seat, started by the first mark phase that has work for it: a process whose
//          collected heap is small has none. Between mark phases they sleep. Each has a marking
//          context of its own, which is empty between steps; a forked child has the contexts and
//          starts threads anew.
// Threads. Call: the collector's thread.
// Fails.   A thread that cannot be had is done without.
// Go.      mgc.go gcBgMarkStartWorkers.
// Tests.   tests/runtime/mark_threads_test.cc.
#pragma once

#include "base/atomic.h"
#include "collect/collector.h"
#include "runtime/service_thread.h"

namespace spanheap {

class MarkThreads {
 public:
  // More share one queue worse, and pay less.
  static constexpr unsigned kMost = 32;

  constexpr explicit MarkThreads(collected::Collector& collector) : collector_(collector) {}

  // `count` threads, kMost at most, take part in the running mark phase.
  void Call(unsigned count);
  // How many there are. Relaxed: a figure.
  unsigned running() const { return running_.LoadRelaxed(); }
  // Threads of the parent are gone, with whatever they slept on.
  void ResetInChild() { running_.StoreRelease(0); }

 private:
  struct Seat {
    MarkThreads* threads = nullptr;
    collected::Marker* marker = nullptr;
    unsigned rank = 0;       // from 1 on
    Atomic<uint32_t> calls;  // a futex word
    ServiceThread thread{"spanheap-mark", Main};
  };

  static void Main(void* seat);
  bool Start(Seat& seat);

  collected::Collector& collector_;
  Atomic<uint32_t> running_;  // seats [0, running_) have threads; written by the collector's thread
  Seat seats_[kMost];
};

}  // namespace spanheap
