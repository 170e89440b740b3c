// SPDX-License-Identifier: MIT
//
// Mutex: three words of state (free, held, held with sleepers) in one futex word, with a rank.
//
// Invariants. Ranks rise along what one thread holds (checked in debug builds, sync/lock_rank.h).
// Threads.    Any. Spins briefly, then sleeps. Not recursive. Usable before main and after exit.
// Cost.       Uncontended: one compare-exchange to lock, one exchange to unlock; no system call.
//             Inside sections, while one thread may open them: a load and two stores.
// Tests.      tests/sync/mutex_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/platform.h"
#include "sync/alone.h"
#include "sync/lock_rank.h"

namespace spanheap {

class CAPABILITY("mutex") Mutex {
 public:
  constexpr explicit Mutex(LockRank rank) : rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ACQUIRE() {
    if constexpr (kDebugChecks) NoteLocking();
    if (IsUncontested() && word_.LoadRelaxed() == kFree) {  // relaxed: nobody else is there
      word_.StoreRelaxed(kHeld);
      return;
    }
    uint32_t expected = kFree;
    if (!word_.CompareExchangeStrong(expected, kHeld)) [[unlikely]]
      LockSlow();
  }
  bool TryLock() TRY_ACQUIRE(true) {
    uint32_t expected = kFree;
    if (!word_.CompareExchangeStrong(expected, kHeld)) return false;
    if constexpr (kDebugChecks) NoteLocking();
    return true;
  }
  void Unlock() RELEASE() {
    if constexpr (kDebugChecks) NoteUnlocked();
    if (IsUncontested()) {
      word_.StoreRelaxed(kFree);  // relaxed: nobody else is there
      return;
    }
    if (word_.Exchange(kFree) == kHeldWithSleepers) [[unlikely]]
      WakeSlow();
  }
  // In a forked child only: whoever else held or waited is gone. What is free is not written: its
  // page stays shared with the parent, and there are many such pages.
  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS {
    if (word_.LoadRelaxed() != kFree) word_.StoreRelease(kFree);  // relaxed: one thread is left
  }

  LockRank rank() const { return rank_; }

 private:
  friend struct RootRecord;  // its layout is described to tools
  // Lower ranks are taken outside of sections, too.
  bool IsUncontested() const { return rank_ > LockRank::kThreadBlock && IsAlone(); }

  enum : uint32_t { kFree, kHeld, kHeldWithSleepers };

  SPANHEAP_NOINLINE void LockSlow();
  SPANHEAP_NOINLINE void WakeSlow();
  SPANHEAP_NOINLINE void NoteLocking();
  SPANHEAP_NOINLINE void NoteUnlocked();

  Atomic<uint32_t> word_{kFree};
  const LockRank rank_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace spanheap
