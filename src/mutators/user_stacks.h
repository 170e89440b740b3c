// SPDX-License-Identifier: MIT
//
// UserStacks: the stacks of fibers, as roots while nobody runs on them, and the switch between
// them.
//
// Idea.       See mutators/stack_record.h. A list under a lock; a marker holds the lock while it
//             shades the words of one stack, so a switch to that stack waits so long. The list has
//             the stacks on which nobody runs, those to be scanned first: a scan takes the first
//             and puts it last, a new epoch finds all of them unscanned and need not touch any.
// Invariants. U1 a stack in the list is scanned once in each epoch, by ScanNext, by who switches to
//             it, or by who takes it away. U2 a stack that a thread leaves is as well scanned as
//             the thread. U3 in an epoch no stack that is scanned stands before one that is not.
// Threads.    Register, Unregister, Switch: threads that run (they open a StopDelay). ScanNext:
//             who is no mutator, or parked. BeginEpoch, EndEpoch: while the world is stopped.
// Cost.       Everything is constant beside the words of one stack; UnscannedWork has its limit.
// Tests.      tests/mutators/user_stacks_test.cc, hiding_places_test.cc.
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

  // From here to the end stacks are to be scanned, and the barrier is on. Epochs rise.
  void BeginEpoch(uint64_t epoch);
  void EndEpoch();
  // Scans a stack that was not yet; false: there is none.
  bool ScanNext(ShadeWords shade, void* argument, uint64_t& bytes);

  // What a stack costs beside its words, in bytes that are copied meanwhile. Its record and its
  // words are in no cache as a rule: some 150 ns, in which a stop copies about that much.
  static constexpr uint64_t kBytesPerStack = 1024;
  // Of what ScanNext would scan: the bytes, and kBytesPerStack for each stack. More than `most` is
  // not counted to its end.
  uint64_t UnscannedWork(uint64_t most);

  // Whether the address lies on a stack that nobody runs on, or on one of the thread's.
  bool Holds(uintptr_t address);
  bool HasOn(const Mutator& mutator, uintptr_t address);

  // How many stacks ScanNext and UnscannedWork have looked at. Relaxed: a statistic.
  uint64_t looks() const { return looks_.LoadRelaxed(); }
  // The thread is gone without a word (it ended, or was lost in a fork), and with it what it ran on
  // this stack or that.
  void Forget(Mutator& gone);

 private:
  // Nobody runs on it any more, or yet: joins the list where U3 wants it.
  void LinkLocked(StackRecord& stack) REQUIRES(mutex_);
  void UnlinkLocked(StackRecord& stack) REQUIRES(mutex_);
  // The thread is none any more: its own stack is nowhere, and there is nothing on the other one
  // that it ran on.
  void DropLocked(Mutator& mutator) REQUIRES(mutex_);
  bool IsScannedLocked(const StackRecord& stack) const REQUIRES(mutex_) {
    return stack.scanned_epoch == epoch_;
  }
  // What nobody has scanned of it in this epoch, `self` remembers.
  void ScanByBarrierLocked(Mutator& self, StackRecord& stack) REQUIRES(mutex_);
  StackRecord* TakeUnused();
  bool Grow();

  Mutex mutex_{LockRank::kRoots};
  StackRecord* first_ GUARDED_BY(mutex_) = nullptr;
  StackRecord* last_ GUARDED_BY(mutex_) = nullptr;
  Atomic<uint64_t> looks_;                            // written under mutex_
  uint64_t epoch_ GUARDED_BY(mutex_) = 0;             // 0: none
  StackRecord* unused_ GUARDED_BY(mutex_) = nullptr;  // linked by `next`
};

}  // namespace spanheap
