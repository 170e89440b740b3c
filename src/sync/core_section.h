// SPDX-License-Identifier: MIT
//
// CoreSection: marks that a thread is inside the heap's slow paths, so that fork can wait until
// nobody is, and a stop signal takes effect at the end (sync/stop_delay.h).
//
// Idea.       Each thread has a depth in its ThreadState. Entering sets it and then looks at the
//             gate; closing the gate sets the gate and then looks at every depth. One of the two
//             always sees the other: the closer makes every thread pass a full barrier in between
//             (membarrier), so that entering needs none; without that system call, entering is
//             sequentially consistent.
// Invariants. While the gate is closed and all depths were seen 0, nothing but the closer touches
//             the heap's shared structures. Once a heap runs (RequireForLocks), debug builds check
//             that locks ranked after kThreadBlock are taken inside sections only.
// Threads.    A ThreadState is written by its owner; the closer only reads it.
// Cost.       Two stores and two loads, and those of a StopDelay.
// Tests.      tests/sync/core_section_test.cc.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/platform.h"
#include "sync/stop_delay.h"

namespace spanheap {

// The part of a thread's record that this room needs to know.
struct ThreadState {
  Atomic<uint32_t> section_depth;  // written by the owner only
  // 1: somebody else has the thread's record; its owner waits outside. A futex word.
  Atomic<uint32_t> claimed;
};

class CoreGate {
 public:
  // No new section opens from here on; the caller then waits for each thread with AwaitOutside.
  void Close();
  // Once, before other threads use the gate: whether closing may rely on membarrier.
  void Init();
  void Open();
  // Returns once `thread` is outside of every section. The gate is closed.
  void AwaitOutside(const ThreadState& thread) const;
  bool is_closed() const { return closed_.LoadSequential() != 0; }
  bool closer_makes_barrier() const { return closer_makes_barrier_; }
  // Sleeps until the gate is open, and until nobody else has the thread's record.
  SPANHEAP_NOINLINE void AwaitOpen(ThreadState& self);

  // Keeps one thread out of sections as Close keeps all. False, and nothing is claimed, if it is in
  // one, if somebody else has claimed it, or if this kernel cannot make threads pass a barrier.
  bool TryClaim(ThreadState& thread) const;
  void EndClaim(ThreadState& thread) const;

 private:
  friend struct RootRecord;  // its layout is described to tools

  Atomic<uint32_t> closed_;            // 0 or 1; a futex word
  bool closer_makes_barrier_ = false;  // constant after Init
};

class CoreSection {
 public:
  CoreSection(CoreGate& gate, ThreadState& self) : self_(self) { Enter(gate, self); }
  ~CoreSection() { Leave(self_); }
  CoreSection(const CoreSection&) = delete;
  CoreSection& operator=(const CoreSection&) = delete;

  // The same without a scope, for callers that open a section on some paths only.
  static void Enter(CoreGate& gate, ThreadState& self) {
    if constexpr (kDebugChecks) NoteEntering();
    StopDelay::Begin();
    // Relaxed: only this thread writes its depth.
    const uint32_t depth = self.section_depth.LoadRelaxed();
    if (depth == 0) {
      EnterOutermost(gate, self);
    } else {
      self.section_depth.StoreRelaxed(depth + 1);  // the outermost entry did the ordering
    }
  }
  static void Leave(ThreadState& self) {
    if constexpr (kDebugChecks) NoteLeaving();
    // Relaxed: only this thread writes its depth.
    self.section_depth.StoreRelease(self.section_depth.LoadRelaxed() - 1);
    StopDelay::End();
  }

  // Debug builds: from here on a thread that takes a lock outside every section dies. Rooms that
  // are tested alone never call it.
  static void RequireForLocks();
  // Dies when sections are required and the calling thread is in none.
  static void CheckInside();

 private:
  static void NoteEntering();
  static void NoteLeaving();

  // The depth is 1 for the closer before the gate is looked at.
  static void Announce(const CoreGate& gate, ThreadState& self) {
    if (gate.closer_makes_barrier()) {
      self.section_depth.StoreRelease(1);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      self.section_depth.StoreSequential(1);
    }
  }

  static void EnterOutermost(CoreGate& gate, ThreadState& self) {
    Announce(gate, self);
    if (IsKeptOut(gate, self)) [[unlikely]]
      EnterWhenOpen(gate, self);
  }
  static bool IsKeptOut(const CoreGate& gate, const ThreadState& self) {
    return gate.is_closed() || self.claimed.LoadSequential() != 0;
  }
  SPANHEAP_COLD static void EnterWhenOpen(CoreGate& gate, ThreadState& self);

  ThreadState& self_;
};

}  // namespace spanheap
