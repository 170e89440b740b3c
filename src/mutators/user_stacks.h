// SPDX-License-Identifier: MIT
//
// UserStacks: the stacks of fibers, as roots while nobody runs on them, and the switch between
// them.
//
// Idea.       See mutators/stack_record.h. A list under a lock; a marker holds the lock while it
//             shades the words of one stack, so a switch to that stack waits so long.
// Invariants. U1 a stack in the list without a runner is scanned once in each epoch, by ScanNext
//             or by who switches to it. U2 a stack that a thread leaves is as well scanned as the
//             thread.
// Threads.    Add, Remove, Switch: threads that run (they open a StopDelay). ScanNext: who is no
//             mutator, or parked. BeginEpoch, EndEpoch: while the world is stopped.
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

  // The record is the caller's, and all zero but for its bounds.
  void Add(StackRecord& stack);
  // Nobody runs on it. The record is the caller's again, to be used for another stack or kept:
  // a thread that once ran there may still look at it.
  void Remove(StackRecord& stack);
  // The thread is about to detach: its own stack is none any more, nor does it run on any.
  void Leave(Mutator& self);

  // The next thing that the calling thread `self` does is to switch to `to`. `frame` is the first
  // address that outlives the call.
  void Switch(Mutator& self, StackRecord& to, const void* frame);

  // From here on stacks are to be scanned: `shade` is what a switch scans them with.
  void BeginEpoch(uint64_t epoch, ShadeWords shade, void* argument);
  void EndEpoch();
  // Scans a stack that was not yet; false: there is none.
  bool ScanNext(ShadeWords shade, void* argument, uint64_t& bytes);

  // Relaxed: a statistic.
  uint32_t count() const { return count_.LoadRelaxed(); }
  // Fork's child: threads are gone, and with them what ran on these stacks.
  void ForgetRunners(const Mutator* but);

 private:
  void LinkLocked(StackRecord& stack) REQUIRES(mutex_);
  void UnlinkLocked(StackRecord& stack) REQUIRES(mutex_);
  static void ShadeStack(const StackRecord& stack, ShadeWords shade, void* argument,
                         uint64_t& bytes);

  Mutex mutex_{LockRank::kRoots};
  StackRecord* first_ GUARDED_BY(mutex_) = nullptr;
  Atomic<uint32_t> count_;
  uint64_t epoch_ GUARDED_BY(mutex_) = 0;  // 0: none
  ShadeWords shade_ GUARDED_BY(mutex_) = nullptr;
  void* argument_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace spanheap
