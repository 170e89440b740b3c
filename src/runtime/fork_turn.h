// SPDX-License-Identifier: MIT
//
// ForkTurn: whether the calling thread may lock the heap for a fork.
//
// Idea.    A signal handler may fork that interrupted this thread inside the heap, or in the middle
//          of another fork, or while it starts the collected heap. It could wait for a lock that
//          its own thread holds, or for another fork, which waits for this thread to come out. So
//          nothing is locked then: the parent goes on as if there had been no fork, and the child,
//          where threads that are gone may hold any lock and have closed the gate, is in a slow
//          path for good: the bootstrap arena serves it until it ends or runs a program.
//          Where all is locked, such a fork's child has what its parent's will have.
// Picture. outside --Begin--> partly --NoteLocked--> locked --Unlock--> partly --End--> outside
// Threads. The calling thread's own state. A handler's calls come in pairs, within one of its own.
// Tests.   tests/runtime/fork_turn_test.cc, tests/stress/signal_storm.cc.
#pragma once

#include <atomic>
#include <cstdint>

#include "caches/thread_bins.h"
#include "sync/stop_delay.h"

namespace spanheap {

class ForkTurn {
 public:
  // Before anything is locked. False: nothing may be.
  static bool Begin() {
    if (is_locked()) ++this_thread.handler_forks;
    if (State() != kOutside || StopDelay::is_open()) return false;
    Set(kPartly);
    return true;
  }
  static void NoteLocked() { Set(kLocked); }
  static bool is_locked() { return State() == kLocked; }
  // Before anything is unlocked. False: it was not this fork that has locked.
  static bool Unlock() {
    if (!is_locked()) return false;
    if (this_thread.handler_forks > 0) {
      --this_thread.handler_forks;
      return false;
    }
    Set(kPartly);
    return true;
  }
  static void End() { Set(kOutside); }

  // A scope of code that takes a lock of fork's, in which no handler of this thread may do so.
  class Held {
   public:
    Held() : is_first_(State() == kOutside) {
      if (is_first_) Set(kPartly);
    }
    ~Held() {
      if (is_first_) Set(kOutside);
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    // False: this is a handler that interrupted such code, or a fork.
    explicit operator bool() const { return is_first_; }

   private:
    const bool is_first_;
  };

 private:
  enum : uint8_t { kOutside, kPartly, kLocked };

  static uint8_t State() { return this_thread.fork_state; }
  // In program order for a handler of this thread.
  static void Set(uint8_t state) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    this_thread.fork_state = state;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
};

}  // namespace spanheap
