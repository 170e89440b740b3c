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

#include "sync/stop_delay.h"

namespace spanheap {

class ForkTurn {
 public:
  // Before anything is locked. False: nothing may be.
  static bool Begin() {
    if (state_ == State::kLocked) ++nested_;
    if (state_ != State::kOutside || StopDelay::is_open()) return false;
    Set(State::kPartly);
    return true;
  }
  static void NoteLocked() { Set(State::kLocked); }
  static bool is_locked() { return state_ == State::kLocked; }
  // Before anything is unlocked. False: it was not this fork that has locked.
  static bool Unlock() {
    if (state_ != State::kLocked) return false;
    if (nested_ > 0) {
      --nested_;
      return false;
    }
    Set(State::kPartly);
    return true;
  }
  static void End() { Set(State::kOutside); }

  // A scope of code that takes a lock of fork's, in which no handler of this thread may do so.
  class Held {
   public:
    Held() : is_first_(state_ == State::kOutside) {
      if (is_first_) Set(State::kPartly);
    }
    ~Held() {
      if (is_first_) Set(State::kOutside);
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    // False: this is a handler that interrupted such code, or a fork.
    explicit operator bool() const { return is_first_; }

   private:
    const bool is_first_;
  };

 private:
  enum class State : uint8_t { kOutside, kPartly, kLocked };

  // In program order for a handler of this thread.
  static void Set(State state) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    state_ = state;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }

  static constinit thread_local State state_;
  static constinit thread_local uint32_t nested_;  // forks of its handlers, within it
};

}  // namespace spanheap
