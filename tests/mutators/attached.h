// SPDX-License-Identifier: MIT
//
// Registered threads for tests: one registry for the process (the signal has one handler), and a
// scope that attaches the calling thread.
#pragma once

#include <gtest/gtest.h>

#include "mutators/barrier.h"
#include "mutators/mutator_registry.h"
#include "mutators/stop_the_world.h"

namespace spanheap {

// Words that the barrier has handed over since the process began, beside those still in buffers.
inline Atomic<uint64_t> flushed_words;

// Whether this word was among them.
inline uintptr_t watched_word;
inline Atomic<bool> has_seen_word;

inline void CountAndEmpty(Mutator& mutator) {
  for (uint32_t i = 0; i < mutator.barrier.count; ++i) {
    if (AddressOf(mutator.barrier.entries[i]).value == watched_word)
      has_seen_word.StoreRelease(true);
  }
  flushed_words.FetchAdd(mutator.barrier.count);
  mutator.barrier.count = 0;
}

inline MutatorRegistry& TestRegistry() {
  static MutatorRegistry registry;
  static const bool started = [] {
    MutatorHooks hooks;
    hooks.flush_barrier = CountAndEmpty;
    hooks.lost = CountAndEmpty;
    return registry.Start(hooks);
  }();
  EXPECT_TRUE(started);
  return registry;
}

// Its record outlives it: late signals find one.
class Attached {
 public:
  Attached() : record_(NewRecord()) { EXPECT_TRUE(TestRegistry().Attach(record_)); }
  ~Attached() { TestRegistry().Detach(record_); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

  Mutator& record() { return record_; }

 private:
  struct Kept {
    Mutator record;
    Kept* next = nullptr;
  };
  static Mutator& NewRecord() {
    static Atomic<Kept*> all;
    auto* const kept = new Kept;
    kept->next = all.LoadAcquire();
    while (!all.CompareExchange(kept->next, kept)) {}
    return kept->record;
  }

  Mutator& record_;
};

// The barrier is on in the scope, for threads that run, too.
class BarrierOn {
 public:
  BarrierOn() { Set(true); }
  ~BarrierOn() { Set(false); }
  BarrierOn(const BarrierOn&) = delete;
  BarrierOn& operator=(const BarrierOn&) = delete;

 private:
  static void Set(bool on) {
    const StopTheWorld stopped(TestRegistry());
    if (on) TestRegistry().RestartInterruptedStores();
    SetBarrier(on);
  }
};

}  // namespace spanheap
