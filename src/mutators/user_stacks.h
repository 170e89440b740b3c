// SPDX-License-Identifier: MIT
//
// UserStacks: the stacks of fibers, as roots while nobody runs on them, and the switch between
// them.
//
// Idea.       See mutators/stack_record.h. A list under a lock; a marker holds the lock while it
//             shades the words of one stack, so a switch to that stack waits so long.
// Invariants. U1 a stack in the list without a runner is scanned once in each epoch, by ScanNext,
//             by who switches to it, or by who takes it away. U2 a stack that a thread leaves is as
//             well scanned as the thread.
// Threads.    Register, Unregister, Switch: threads that run (they open a StopDelay). ScanNext:
//             who is no mutator, or parked. BeginEpoch, EndEpoch: while the world is stopped.
// Tests.      tests/mutators/hiding_places_test.cc.
#pragma once

#include "base/annotations.h"
#include "mutators/mutator.h"
#include "sync/mutex.h"

namespace spanheap {

class UserStacks {
 public:
  constexpr UserStacks() = default;
  UserStacks(const UserStacks&) = delete;
  UserStacks& operator=(const UserStacks&) = delete;

  // A stack on which nobody has run. Null: no memory.
  StackRecord* Register(os::StackBounds bounds);
  // Nobody runs on it, and none will. What nobody has scanned yet is remembered by `self`, the
  // calling thread: others may have read it there.
  void Unregister(Mutator& self, StackRecord& stack);
  // The thread is about to detach: its own stack is none any more, nor does it run on any.
  void Leave(Mutator& self);

  // The next thing that the calling thread `self` does is to switch to `to`. `frame` is the first
  // address that outlives the call.
  void Switch(Mutator& self, StackRecord& to, const void* frame);

  // From here to the end stacks are to be scanned, and the barrier is on.
  void BeginEpoch(uint64_t epoch);
  void EndEpoch();
  // Scans a stack that was not yet; false: there is none.
  bool ScanNext(ShadeWords shade, void* argument, uint64_t& bytes);

  // Of what ScanNext would scan.
  uint64_t UnscannedBytes();

  // Relaxed: a statistic.
  uint32_t count() const { return count_.LoadRelaxed(); }
  // Fork's child: threads are gone, and with them what ran on these stacks.
  void ForgetRunners(const Mutator* but);

 private:
  void LinkLocked(StackRecord& stack) REQUIRES(mutex_);
  void UnlinkLocked(StackRecord& stack) REQUIRES(mutex_);
  // What nobody has scanned of it in this epoch, `self` remembers.
  void ScanByBarrierLocked(Mutator& self, StackRecord& stack) REQUIRES(mutex_);
  StackRecord* TakeUnused();
  bool Grow();

  Mutex mutex_{LockRank::kRoots};
  StackRecord* first_ GUARDED_BY(mutex_) = nullptr;
  Atomic<uint32_t> count_;
  uint64_t epoch_ GUARDED_BY(mutex_) = 0;             // 0: none
  StackRecord* unused_ GUARDED_BY(mutex_) = nullptr;  // linked by `next`
};

}  // namespace spanheap
