// SPDX-License-Identifier: MIT
//
// IdleCaches: what sleeping threads keep in their bins, spans and page caches goes back without
// their help.
//
// Idea.       A thread that has not touched its bins for some rounds is trimmed from outside:
//               1. claim its record (CoreGate::TryClaim): it is in no slow path and cannot enter
//               one 2. make its bins pointer the empty bins, and every thread pass a barrier
//               3. see that it sleeps in a system call, in no signal handler (os/sleeper.h)
//               4. flush its caches, give the pages of its stacks back, end the claim
//             The thread finds its bins empty when it next calls the heap, takes the slow path, and
//             has its bins again when it leaves. If 3 fails, 2 is undone.
// Why.        Who holds the claim is alone with the record but for the thread's fast paths. These
//             make no system call, so a thread that sleeps in one outside of handlers is in none (a
//             handler may have interrupted one, hence that condition). One entered later, even
//             while 4 is under way, begins by reading the bins pointer, and 2 came before 3: it
//             finds the empty bins and waits in the slow path for the claim to end. So the sleep
//             need not last: one moment of it after 2 is enough. The thread's variables outlive the
//             claim, because its end (Detach) is a slow path, too, and takes the anchor out of the
//             record.
// Threads.    Look and TryTrim: any thread that is in no section, in one, respectively.
// Fails.      No membarrier, no /proc, and where stacks do not tell of handlers, handlers with
//             their own signal open: nothing is trimmed.
// Cost.       Two barriers and 20 to 50 microseconds for a thread, once, until it calls again. The
//             thread itself pays a slow path.
// Go.         None: an idle P is flushed by whoever stops the world.
// Tests.      tests/model_check/idle_claim_test.cc, tests/stress/background.cc.
#pragma once

#include <cstdint>

#include "caches/thread_block.h"

namespace spanheap {

class Runtime;

class IdleCaches {
 public:
  // Rounds of a quarter second without a change before a thread counts as idle.
  static constexpr uint32_t kIdleRounds = 3;
  static constexpr uint32_t kMost = 512;  // found in one look

  constexpr explicit IdleCaches(Runtime& runtime) : runtime_(runtime) {}

  // A round: notes which threads have changed, and which are to be trimmed now.
  void Look();
  // The same, but all that have something to give count as idle.
  void LookAtAll();
  // The last look found as many as it can: there may be others.
  bool is_full() const { return count_ == kMost; }
  // A thread that the last look found is left.
  bool has_more() const { return next_ < count_; }
  // Trims the next of them. True: something may have gone back.
  bool TrimNext();
  // Threads keep something and may be idle later.
  bool is_pending() const { return pending_.LoadRelaxed(); }  // relaxed: a hint

 private:
  // After so many vain attempts a thread is left alone until it changes.
  static constexpr uint32_t kAttempts = 3;
  // Whoever frees what it has allocated and sleeps a little leaves its bins as they were, and is
  // not idle. A thread that wakes more often than this from one look to the next is left alone for
  // four times as long, at most 64 times.
  static constexpr uint64_t kBusyRuns = 100;
  static constexpr uint32_t kMostBusy = 3;

  void Consider(ThreadBlock& block, bool all);
  void GiveUpUnlessPossible();
  bool RestsForLong(ThreadBlock& block) const;
  bool TryTrim(ThreadBlock& block);
  bool TrimClaimed(ThreadBlock& block);

  Runtime& runtime_;
  ThreadBlock* found_[kMost] = {};
  bool finds_all_ = false;
  uint32_t count_ = 0;
  uint32_t next_ = 0;
  uint32_t looks_ = 0;
  Atomic<bool> pending_;
};

}  // namespace spanheap
