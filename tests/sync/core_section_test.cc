// SPDX-License-Identifier: MIT
//
// CoreSection and CoreGate: while the gate is closed and everyone was awaited, nobody is inside.
// What the sections guard below is a plain variable: ThreadSanitizer sees every hole in the order.
#include "sync/core_section.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "base/fatal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "sync/mutex.h"

namespace spanheap {
namespace {

constexpr int kThreads = 4;

// What threads read inside sections and the closer writes while everyone is outside.
struct Guarded {
  bool is_closers = false;
  std::array<uint64_t, kThreads> visits{};
};

struct Heap {
  CoreGate gate;
  std::array<ThreadState, kThreads> threads;
  Guarded guarded;
  Atomic<int> comers;  // threads that have visited once
  Atomic<bool> stop;
  Atomic<uint64_t> faults;
};

void VisitOnce(Heap& heap, size_t self) {
  ThreadState& state = heap.threads[self];
  const CoreSection outer(heap.gate, state);
  if (heap.guarded.is_closers) heap.faults.FetchAdd(1);
  const CoreSection inner(heap.gate, state);
  ++heap.guarded.visits[self];
  if (heap.guarded.is_closers) heap.faults.FetchAdd(1);
}

void VisitUntilStopped(Heap& heap, size_t self) {
  VisitOnce(heap, self);
  heap.comers.FetchAdd(1);
  while (!heap.stop.LoadAcquire()) VisitOnce(heap, self);
}

uint64_t SumOfVisits(const Guarded& guarded) {
  uint64_t sum = 0;
  for (const uint64_t n : guarded.visits) sum += n;
  return sum;
}

void CloseOnce(Heap& heap) {
  heap.gate.Close();
  for (const ThreadState& thread : heap.threads) heap.gate.AwaitOutside(thread);
  heap.guarded.is_closers = true;
  const uint64_t before = SumOfVisits(heap.guarded);
  for (int i = 0; i < 50; ++i) os::SpinHint();
  os::YieldThread();
  if (SumOfVisits(heap.guarded) != before) heap.faults.FetchAdd(1);
  heap.guarded.is_closers = false;
  heap.gate.Open();
}

TEST(CoreSectionTest, NobodyIsInsideWhileTheGateIsClosed) {
  Heap heap;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&heap, i] { VisitUntilStopped(heap, i); });
  }
  while (heap.comers.LoadAcquire() != kThreads) os::YieldThread();
  for (int i = 0; i < 300; ++i) CloseOnce(heap);
  heap.stop.StoreRelease(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heap.faults.LoadAcquire(), 0U);
  for (const uint64_t visits : heap.guarded.visits) EXPECT_GT(visits, 0U);
  for (const ThreadState& state : heap.threads) EXPECT_EQ(state.section_depth.LoadAcquire(), 0U);
}

TEST(CoreSectionTest, WhoIsInsideMayGoDeeperWhileTheGateIsClosed) {
  CoreGate gate;
  ThreadState state;
  {
    const CoreSection outer(gate, state);
    gate.Close();
    const CoreSection inner(gate, state);
    EXPECT_EQ(state.section_depth.LoadAcquire(), 2U);
  }
  gate.AwaitOutside(state);
  gate.Open();
}

TEST(CoreSectionTest, WhoComesToAClosedGateWaitsOutside) {
  CoreGate gate;
  ThreadState state;
  Atomic<bool> entered(false);
  gate.Close();
  std::thread comer([&] {
    const CoreSection section(gate, state);
    entered.StoreRelease(true);
  });
  const uint64_t until = os::MonotonicNow_ns() + 20'000'000;
  while (os::MonotonicNow_ns() < until) {
    gate.AwaitOutside(state);
    ASSERT_FALSE(entered.LoadAcquire());
  }
  gate.Open();
  comer.join();
  EXPECT_TRUE(entered.LoadAcquire());
}

TEST(CoreSectionTest, AwaitsAThreadThatStaysInsideForLong) {
  CoreGate gate;
  ThreadState state;
  Atomic<bool> is_inside(false);
  bool has_left = false;  // plain: ordered by the section alone
  std::thread stayer([&] {
    const CoreSection section(gate, state);
    is_inside.StoreRelease(true);
    os::SleepFor_ns(20'000'000);
    has_left = true;
  });
  while (!is_inside.LoadAcquire()) os::YieldThread();
  gate.Close();
  gate.AwaitOutside(state);
  EXPECT_TRUE(has_left);
  gate.Open();
  stayer.join();
}

TEST(CoreSectionDeathTest, LocksNeedASectionOnceAHeapRuns) {
  if (!kDebugChecks) GTEST_SKIP() << "checked in debug builds";
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        CoreGate gate;
        ThreadState state;
        Mutex start_up(LockRank::kStartUp);
        Mutex leaf(LockRank::kLeaf);
        CoreSection::RequireForLocks();
        start_up.Lock();
        start_up.Unlock();
        {
          const CoreSection section(gate, state);
          const MutexLock lock(leaf);
        }
        WarnLine("so far so good");
        leaf.Lock();
      },
      "so far so good\n.*locks are taken inside sections only");
}

}  // namespace
}  // namespace spanheap
