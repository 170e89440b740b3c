// SPDX-License-Identifier: MIT
//
// ThreadWorth: whether a heap has so much to give back that a program of one thread shall have
// a second one for it.
//
// Idea.    While libc knows of one thread, getc takes no lock and shared_ptr no atomic, and both
//          are faster. So such a program gets the heap's thread only once there is
//          free memory worth it. At once, when frees have left a third of what is backed free, or
//          64 MiB, in pages or within spans: the program may never call again. And when an eighth
//          is above the scavenger's goal, which has had time to come down. A program that has had
//          threads loses nothing any more, and one with a limit wants it kept.
// Picture. no --frees, the goal--> certain, until a fork
// Threads. Any, outside of sections. With one thread the counts are exact.
// Cost.    NoteFreed: an addition. Look: a few loads, and a walk over the classes each time that
//          frees may have returned what was missing.
// Go.      None: a Go program has threads.
// Tests.   tests/runtime/background_test.cc, tests/stress/background.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "caches/thread_block.h"

namespace spanheap {

class Runtime;

class ThreadWorth {
 public:
  // Lower: more programs have a thread for the little that is left over as vectors grow (31 MiB
  // of runs on the way to 32); higher: more stays with idle ones.
  static constexpr uint64_t kLeast = 16 << 20;
  // One part in so many. A heap of 300 random blocks of up to 1 MiB, replaced one by one, has up to
  // a quarter free at times and needs it again.
  static constexpr uint64_t kShareAtOnce = 3;
  static constexpr uint64_t kShareInTime = 8;
  // So much is worth a thread however large the heap is.
  static constexpr uint64_t kMost = 64 << 20;

  constexpr explicit ThreadWorth(Runtime& runtime) : runtime_(runtime) {}

  // A free has returned about so much to the heap. Relaxed, here and below: read by the same
  // thread, where there is one.
  void NoteFreed(uint64_t bytes) {
    missing_.StoreRelaxed(missing_.LoadRelaxed() - static_cast<int64_t>(bytes));
  }
  // So much is above the goal, and so much in use.
  void NoteExcess(uint64_t excess, uint64_t in_use) {
    if (excess >= Worth(in_use, kShareInTime)) is_certain_.StoreRelaxed(true);
  }
  // Somebody has asked for what the thread does, or has lost nothing by it, or it is certain.
  bool Look();
  bool is_certain() const { return is_certain_.LoadRelaxed(); }
  void ResetInChild();

 private:
  // So near is near enough: a heap that stays just below pays for no look at each free.
  static constexpr uint64_t kStep = 1 << 20;
  static constexpr uint64_t Worth(uint64_t bytes, uint64_t share) {
    return std::clamp(bytes / share, kLeast, kMost);
  }
  SPANHEAP_COLD void LookAtFrees();
  // Backed memory that no block takes which this thread knows of; and what is backed in all.
  uint64_t FreeBytes(const ThreadBlock& block, uint64_t& backed) const;

  Runtime& runtime_;
  Atomic<int64_t> missing_;  // bytes that frees have to return before another look can find enough
  Atomic<bool> is_certain_;
};

}  // namespace spanheap
