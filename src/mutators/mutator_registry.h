// SPDX-License-Identifier: MIT
//
// MutatorRegistry: every thread of the collected heap, and the means to hold them still.
//
// Idea.       A list under a lock. A thread attaches itself when it first uses the heap and
//             detaches at its end; the records come from `runtime`, which embeds them in its own.
//             While the world is stopped the list stays locked, so nobody comes or goes.
// Invariants. Every mutator in the list belongs to one thread that runs, or is dead and about to
//             be taken out.
// Threads.    Attach and Detach: by the thread itself, outside of core sections. Everything else:
//             any thread that is parked or no mutator (mutators/blocking_region.h).
// Fails.      Start, when there is no signal to be had; Attach, when the thread's stack is
//             unknown.
// Go.         proc.go (allgs, stopTheWorld), signal_unix.go (preemption by SIGURG).
// Tests.      tests/mutators/mutator_registry_test.cc.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "mutators/mutator.h"
#include "mutators/root_ranges.h"
#include "mutators/user_stacks.h"
#include "os/signals.h"
#include "sync/mutex.h"

namespace spanheap {

// What the collector does for this room. Called outside of core sections unless it says otherwise.
struct MutatorHooks {
  // Marks what is in the buffer and empties it. By the owner inside a StopDelay, or while the
  // thread is held; `barrier_on` may have become 0 meanwhile: then it only empties it.
  void (*flush_barrier)(Mutator& mutator) = nullptr;
  // Attaches the calling thread; null if that cannot be.
  Mutator* (*adopt)() = nullptr;
  // The record is free again: its thread is gone (ended without detaching, or lost in a fork). What
  // its buffer holds is still to be marked.
  // Called with the list locked.
  void (*lost)(Mutator& mutator) = nullptr;
};

// The capability "no mutator runs".
class CAPABILITY("role") WorldRole {};
inline constexpr WorldRole world_stopped;

class MutatorRegistry {
 public:
  constexpr MutatorRegistry() = default;
  MutatorRegistry(const MutatorRegistry&) = delete;
  MutatorRegistry& operator=(const MutatorRegistry&) = delete;

  // Once. `signal` 0: one is chosen.
  bool Start(const MutatorHooks& hooks, int signal = 0);

  // The calling thread is `record`'s from here on. The record is zero or was detached before.
  bool Attach(Mutator& record);
  // The calling thread is none of ours any more. Waits while somebody looks at it.
  void Detach(Mutator& record);

  // Up to `most` mutators that were not given out in this epoch yet, pinned: they cannot detach
  // until Unpin. Returns how many.
  uint32_t TakeUnscanned(uint64_t epoch, Mutator** taken, uint32_t most);
  static void Unpin(Mutator& mutator);
  // World stopped: from here on what this room knows and the barrier does not see is to be
  // scanned, until EndEpoch. Epochs rise.
  void BeginEpoch(uint64_t epoch);
  void EndEpoch() { stacks_.EndEpoch(); }
  // Gives the words of all threads and stacks away, if they are no more than that, a stack of a
  // fiber being taken for UserStacks::kBytesPerStack beside its words: then stores remember what
  // they overwrite and not what they write, until a thread comes whose stack nobody has looked at.
  // The barrier is on.
  bool ScanStopped(uint64_t epoch, uint64_t most_bytes, ShadeWords take, void* argument,
                   uint64_t& bytes) REQUIRES(world_stopped);
  // Shades the words of threads that were not yet taken in this epoch (mutators/thread_scan.h), or
  // of a fiber's stack; adds up the bytes. False: all are done. Threads come and fibers are left
  // meanwhile: the mark is complete when this says so after all else is done.
  bool ScanNextStack(uint64_t epoch, ShadeWords shade, void* argument, uint64_t& bytes);

  // Stops all others, and restarts them. The caller is parked meanwhile if it is a mutator.
  void StopWorld(const void* frame) ACQUIRE(world_stopped);
  void StartWorld() RELEASE(world_stopped);
  // Where a signal handler of the program had interrupted a store sequence when its thread was
  // stopped, the sequence will begin anew, too. Before the barrier is turned on.
  void RestartInterruptedStores() REQUIRES(world_stopped);
  void RestartStoresIn(const os::WordSpan& words) const;
  // For the caller, too: its own record among them.
  template <class Function>
  void ForEach(Function&& function) REQUIRES(world_stopped) {
    for (Mutator* m = FirstStopped(); m != nullptr; m = m->next) function(*m);
  }
  // Holds every mutator once, not all at a time, and calls `visit` for it meanwhile.
  void RaggedBarrier(void (*visit)(Mutator& mutator, void* argument), void* argument);

  // Fork, by the forking thread: before, the world is stopped, and no thread in the midst of libc,
  // whose locks fork takes as well; after, it runs on in the parent, and in the child only the
  // caller is left. Threads that wait in libc outside of a BlockingRegion cost the fork 20 ms.
  void BeforeFork() NO_THREAD_SAFETY_ANALYSIS;
  void AfterForkInParent() NO_THREAD_SAFETY_ANALYSIS;
  void AfterForkInChild() NO_THREAD_SAFETY_ANALYSIS;

  // Whether the address lies on the stack of a thread or fiber that is known. The caller is parked
  // or none of ours.
  bool IsOnStack(uintptr_t address);

  UserStacks& stacks() { return stacks_; }
  RootRanges& ranges() { return ranges_; }
  const MutatorHooks& hooks() const { return hooks_; }
  int signal() const { return signal_; }
  // Relaxed: a statistic.
  uint32_t count() const { return count_.LoadRelaxed(); }
  // Of the last stop: from the first request to the last thread held. Valid while stopped.
  uint64_t last_stop_ns() const { return stop_ns_; }

  // Of this room.
  os::Sent Signal(const Mutator& target) const;
  void NoteDead(Mutator& target);
  uintptr_t signal_return_code() const { return signal_return_code_; }
  bool HasOurMark(const siginfo_t& info) const { return os::HasMark(info, this); }
  const os::SignalAction& previous_action() const { return previous_action_; }

 private:
  friend struct RootRecord;  // its layout is described to tools
  Mutator* FirstStopped() const NO_THREAD_SAFETY_ANALYSIS { return first_; }
  void LinkLocked(Mutator& record) REQUIRES(mutex_);
  void UnlinkLocked(Mutator& record) REQUIRES(mutex_);
  void ReapLocked() REQUIRES(mutex_);
  bool TryDetach(Mutator& record);
  // What handlers had interrupted whose frames lie among these words of a stack, lowest first.
  template <class Visitor>
  void ForEachContext(const os::WordSpan& words, Visitor&& visit) const;
  bool IsInSystemCode(const Mutator& mutator, bool waits_count) const;
  bool IsAnyInSystemCode(bool waits_count) REQUIRES(world_stopped);
  bool IsGoodForFork(uint64_t waited_ns) REQUIRES(world_stopped);
  void ReserveOthersLocked(Mutator* self) REQUIRES(mutex_);
  bool VisitHeldLocked(const Handshake& asker, void (*visit)(Mutator&, void*), void* argument)
      REQUIRES(mutex_);

  Mutex world_mutex_{LockRank::kWorld};
  Mutex mutex_{LockRank::kMutators};
  Mutator* first_ GUARDED_BY(mutex_) = nullptr;
  Atomic<uint32_t> count_;
  UserStacks stacks_;
  RootRanges ranges_;
  bool unparks_self_ GUARDED_BY(world_mutex_) = false;
  uint64_t stop_ns_ = 0;  // guarded by the world being stopped
  MutatorHooks hooks_;    // constant after Start, as what follows
  int signal_ = 0;
  uintptr_t signal_return_code_ = 0;
  os::SignalAction previous_action_{};
};

}  // namespace spanheap
