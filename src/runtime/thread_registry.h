// SPDX-License-Identifier: MIT
//
// ThreadRegistry: every thread that uses the heap, from its first slow path to its end.
//
// Idea.       A thread gets a block when it first needs one and gives it back through a hook at its
//             end; blocks are recycled. What a thread does after that, in its last destructors,
//             goes through one shared block under a lock. Fork's child keeps the forking thread's
//             block; those of the threads it lost become orphans, which are emptied one by one as
//             the child goes on. So does the block of a thread that is found to have ended without
//             a word (runtime/idle_caches.h). The registry counts the threads that may open
//             sections: one that is attached may, unless it rests; with a single one the heap needs
//             no atomic read-modify-writes (sync/alone.h). For the second one to arrive the gate is
//             closed until the first is outside; where one comes after the other that is not begun
//             again each time.
// Invariants. Every block in the list belongs to one thread, which runs or ended without a word, or
//             is an orphan.
// Threads.    The list is under the registry's lock, which is taken outside of core sections only.
// Fails.      Attach returns null when there is no memory for a block, or libc is past the last
//             destructor of the thread: the shared one serves then. Without a hook a block stays
//             its thread's.
// Tests.      tests/runtime/thread_registry_test.cc, tests/runtime/alone_test.cc, tests/stress.
#pragma once

#include "base/annotations.h"
#include "caches/thread_block.h"
#include "os/thread.h"
#include "runtime/occupied.h"
#include "sync/mutex.h"

namespace spanheap {

class Runtime;

class ThreadRegistry {
 public:
  // Blocks taken from and given back to spans by threads that have ended, per class.
  struct Totals {
    uint64_t taken[kMallocClassCount] = {};
    uint64_t returned[kMallocClassCount] = {};
    uint64_t requests[kMallocClassCount] = {};
    uint64_t requested_bytes[kMallocClassCount] = {};
    uint64_t refills = 0;
    uint64_t flushes = 0;
  };

  // `shared` is all zero, and stays so until it serves a thread that has no block of its own: its
  // bins are never opened.
  constexpr ThreadRegistry(Runtime& runtime, ThreadBlock& shared)
      : runtime_(runtime), shared_(shared) {}

  void Init();

  // The calling thread's new block, entered in this_thread; null: it is to have none now.
  ThreadBlock* Attach();
  // The thread ends: everything it holds goes back.
  void Detach(ThreadBlock& block);

  // The shared block; its user holds shared_mutex().
  ThreadBlock& shared_block() { return shared_; }
  Mutex& shared_mutex() { return shared_mutex_; }

  // The calling thread may open sections in the scope, though it is not attached.
  class Guest {
   public:
    explicit Guest(ThreadRegistry& threads) : threads_(threads) { threads.Arrive(); }
    ~Guest() { threads_.Depart(); }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

   private:
    ThreadRegistry& threads_;
  };

  // The calling thread, attached or not, opens no section in the scope: it rests.
  class Absence {
   public:
    explicit Absence(ThreadRegistry& threads) : threads_(threads), was_present_(threads.Rest()) {}
    ~Absence() {
      if (was_present_) threads_.Arrive();
    }
    Absence(const Absence&) = delete;
    Absence& operator=(const Absence&) = delete;

   private:
    ThreadRegistry& threads_;
    const bool was_present_;
  };

  // The same without a scope. They nest; outside of sections.
  void Arrive() EXCLUDES(mutex_);
  void Depart() EXCLUDES(mutex_);

  // Attached threads that are none of the heap's own. Relaxed: a hint, but for who has just ended.
  uint32_t of_program() const { return of_program_.LoadRelaxed(); }

  // What a block's stacks have in memory goes back: they are zero, as the bins are empty.
  static void ReleaseStacks(ThreadBlock& block);
  // The same for the blocks that wait for threads. Outside of sections.
  void ReleaseRecycled() EXCLUDES(mutex_);

  bool has_orphans() const { return orphans_.LoadRelaxed() != 0; }  // relaxed: a hint
  // Empties one orphan and recycles its block.
  void ReclaimOrphan();

  // Calls look(block) for the block of each thread but the calling one, with the list locked.
  template <class Look>
  void ForEachOther(Look&& look) EXCLUDES(mutex_) {
    const Occupied occupied;
    MutexLock lock(mutex_);
    for (ThreadBlock* block = first_; block != nullptr; block = block->next) {
      MakeOrphanIfLostLocked(*block);
      if (!block->orphaned && block != this_thread.block) look(*block);
    }
  }

  // Fork. Between Before and After, no other thread is inside the heap.
  void BeforeFork() ACQUIRE(mutex_);
  void AfterForkInParent() RELEASE(mutex_);
  void AfterForkInChild() RELEASE(mutex_);

  // Waits until no thread is inside a section and keeps them out, calls `visit` for each block
  // (the shared one included) and for the totals of ended threads, says when that was all, and lets
  // them in again.
  template <class Visitor>
  void Quiesced(Visitor&& visitor) {
    BeforeFork();
    visitor.Totals(totals_);
    visitor.Block(shared_);
    for (ThreadBlock* block = first_; block != nullptr; block = block->next) visitor.Block(*block);
    visitor.Done();
    AfterForkInParent();
  }

 private:
  friend struct RootRecord;  // its layout is described to tools
  static void OnThreadExit(void* block);

  bool Rest() EXCLUDES(mutex_);
  void ArriveLocked() REQUIRES(mutex_);
  void DepartLocked() REQUIRES(mutex_);
  void OneLessLocked() REQUIRES(mutex_);
  void EndAlone() REQUIRES(mutex_);
  void NoteVisitLocked() REQUIRES(mutex_);
  bool IsWorthAloneLocked() const REQUIRES(mutex_);
  void AwaitOthersOutside() REQUIRES(mutex_);

  // So many wait as their threads have left them: what a thread used, some hundred KiB at most.
  static constexpr uint32_t kMostWarm = 16;

  ThreadBlock* NewBlockLocked() REQUIRES(mutex_);
  ThreadBlock* TakeRecycledLocked() REQUIRES(mutex_);
  void KeepLocked(ThreadBlock* block, bool is_cold) REQUIRES(mutex_);
  bool ReleaseOneRecycled() EXCLUDES(mutex_);
  // Of a block that is about to be recycled; true: they are given back, for enough others are not.
  bool ReleaseUnlessWarm(ThreadBlock& block);
  void NoteFirstLocked(ThreadBlock& block) REQUIRES(mutex_);
  void LinkLocked(ThreadBlock* block) REQUIRES(mutex_);
  void UnlinkLocked(ThreadBlock* block) REQUIRES(mutex_);
  void RecycleLocked(ThreadBlock* block, bool is_cold) REQUIRES(mutex_);
  void HandOverDeferred(ThreadBlock& block);
  void MakeOrphanIfLostLocked(ThreadBlock& block) REQUIRES(mutex_);
  ThreadBlock* ClaimOrphan();

  Runtime& runtime_;
  os::ThreadExitHook exit_hook_;
  Mutex mutex_{LockRank::kThreads};
  ThreadBlock* first_ GUARDED_BY(mutex_) = nullptr;
  ThreadBlock* recycled_ GUARDED_BY(mutex_) = nullptr;
  ThreadBlock* cold_ GUARDED_BY(mutex_) = nullptr;     // the same, their stacks given back
  ThreadBlock* resting_ GUARDED_BY(mutex_) = nullptr;  // on its way from one to the other
  Atomic<uint32_t> warm_;                              // in recycled_; written under mutex_
  bool knows_first_ GUARDED_BY(mutex_) = false;        // a block's is_first is set, or was
  uint32_t present_ GUARDED_BY(mutex_) = 0;            // threads that may open sections
  // When a thread ended last, and how many did so shortly after one another before it.
  uint64_t ended_ns_ GUARDED_BY(mutex_) = 0;
  uint32_t short_visits_ GUARDED_BY(mutex_) = 0;
  Totals totals_ GUARDED_BY(mutex_);
  Atomic<uint32_t> of_program_;  // written under mutex_
  Atomic<uint32_t> orphans_;     // likewise
  Mutex shared_mutex_{LockRank::kThreadBlock};
  ThreadBlock& shared_;
};

}  // namespace spanheap
