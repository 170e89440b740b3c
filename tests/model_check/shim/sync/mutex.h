// SPDX-License-Identifier: MIT
//
// Stands in for the header of the same name when code is explored: taking a lock is a step that
// waits until it is free. Giving it back is no step: nobody can tell when exactly it happens.
#pragma once

#include "base/annotations.h"
#include "interleaving.h"
#include "sync/lock_rank.h"

namespace spanheap {

class CAPABILITY("mutex") Mutex {
 public:
  constexpr explicit Mutex(LockRank) {}

  void Lock() ACQUIRE() {
    model::StepUntilFree(&is_held_);
    model::Require(!is_held_, "a lock has one holder");
    is_held_ = true;
    model::SawGuarded();
  }
  void Unlock() RELEASE() { is_held_ = false; }
  void ResetInChild() { is_held_ = false; }

 private:
  bool is_held_ = false;
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
