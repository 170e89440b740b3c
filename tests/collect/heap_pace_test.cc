// SPDX-License-Identifier: MIT
//
// The collected heap's pace by its parts: limits, credit, the plan for sweeping, the limiter.
#include "collect/heap_pace.h"

#include <thread>

#include "model_world.h"

namespace spanheap::collected {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Live bytes in objects of 4 KiB, of which every `step`-th stays.
void Fill(ModelWorld& world, sh_layout& layout, uint64_t bytes, unsigned step) {
  for (uint64_t i = 0; i < bytes / 4096; ++i) {
    void* at = world.New(layout);
    if (i % step == 0) world.roots.push_back(at);
  }
}

TEST(HeapPaceTest, ALimitIsTheGoalAndGoesWithTheGauge) {
  ModelWorld world;
  world.heap.pace.SetPercent(100);
  sh_layout block = PlainLayout(4096);
  Fill(world, block, 32 * kMiB, 1);
  world.Collect();
  world.heap.pace.Repace();
  EXPECT_GE(world.heap.state.goal.LoadAcquire(), 64 * kMiB);
  MemoryGauge& gauge = world.heap.store.pages().gauge();
  gauge.SetLimit(gauge.counted() + 16 * kMiB);
  world.heap.pace.Repace();
  const uint64_t goal = world.heap.state.goal.LoadAcquire();
  EXPECT_GT(goal, 32 * kMiB);
  EXPECT_LT(goal, 50 * kMiB);
  EXPECT_LE(world.heap.state.trigger.LoadAcquire(), goal);
  gauge.Charge(8_MiB);  // another face takes memory
  world.heap.pace.Repace();
  EXPECT_NEAR(static_cast<double>(world.heap.state.goal.LoadAcquire()),
              static_cast<double>(goal - 8 * kMiB), kMiB);
  gauge.Uncharge(8_MiB);
}

// The default percentage alone; a named one means what it says.
TEST(HeapPaceTest, AHeapThatIsHigherThanEverGrowsByHalf) {
  ModelWorld world;
  sh_layout block = PlainLayout(4096);
  Fill(world, block, 32 * kMiB, 1);
  world.Collect();
  EXPECT_NEAR(static_cast<double>(world.heap.state.goal.LoadAcquire()), 48.0 * kMiB, kMiB);
  world.heap.pace.SetPercent(84);
  world.heap.pace.Repace();
  EXPECT_GE(world.heap.state.goal.LoadAcquire(), 58 * kMiB);
}

TEST(HeapPaceTest, SoIsALimitThatRefuses) {
  ModelWorld world;
  sh_layout block = PlainLayout(4096);
  Fill(world, block, 32 * kMiB, 1);
  world.Collect();
  MemoryGauge& gauge = world.heap.store.pages().gauge();
  const uint64_t ceiling = gauge.counted() + 20 * kMiB;
  gauge.SetCeiling(ceiling);
  world.heap.pace.Repace();
  const uint64_t goal = world.heap.state.goal.LoadAcquire();
  EXPECT_GT(goal, 40 * kMiB);
  EXPECT_LT(goal, ceiling - ceiling / 32);
  gauge.SetLimit(gauge.counted() + 4 * kMiB);  // the lower one counts
  world.heap.pace.Repace();
  EXPECT_LT(world.heap.state.goal.LoadAcquire(), goal);
}

// Objects that died lie scattered, so that no page becomes free: there is room all the same.
TEST(HeapPaceTest, UnderALimitDeadSlotsAreRoom) {
  ModelWorld world;
  sh_layout small = PlainLayout(64);
  for (unsigned i = 0; i < 32 * kMiB / 64; ++i) {
    void* at = world.New(small);
    if (i % 2 == 0) world.roots.push_back(at);
  }
  world.heap.pace.SetPercent(100);
  MemoryGauge& gauge = world.heap.store.pages().gauge();
  gauge.SetLimit(gauge.counted() + 2 * kMiB);
  world.Collect();
  world.heap.pace.Repace();
  EXPECT_GT(world.heap.state.goal.LoadAcquire(), 30 * kMiB);
  EXPECT_FALSE(world.heap.pace.IsDue());
}

// Each cycle leaves free what lies between its goal and the end of its spans.
TEST(HeapPaceTest, UnderALimitGoalsDoNotShrinkWhileFreeSlotsAreEnough) {
  ModelWorld world;
  sh_layout small = PlainLayout(64);
  for (unsigned i = 0; i < 32 * kMiB / 64; ++i) {
    void* at = world.New(small);
    if (i % 4 != 0) world.roots.push_back(at);
  }
  MemoryGauge& gauge = world.heap.store.pages().gauge();
  gauge.SetLimit(gauge.counted());
  world.Collect();
  world.heap.pace.Repace();
  const HeapState& state = world.heap.state;
  const uint64_t first = state.goal.LoadAcquire();
  const uint64_t counted = gauge.counted();
  for (int cycle = 0; cycle < 12; ++cycle) {
    while (state.live.LoadAcquire() < state.goal.LoadAcquire()) world.New(small);
    world.Collect();
    world.heap.pace.Repace();
  }
  EXPECT_GE(state.goal.LoadAcquire(), first);
  EXPECT_LE(gauge.counted(), counted + kMiB);
}

TEST(HeapPaceTest, ALeastHeapIsNotCollected) {
  ModelWorld world;
  world.heap.pace.SetMinimum(48 * kMiB);
  world.heap.pace.Repace();
  EXPECT_EQ(world.heap.state.goal.LoadAcquire(), 48 * kMiB);
}

TEST(HeapPaceTest, CreditPaysAsFarAsItGoes) {
  ModelWorld world;
  HeapPace& pace = world.heap.pace;
  pace.AddCredit(1000);
  policy::AssistPlan plan = pace.PlanAssist(-int64_t{1} << 20);
  const int64_t work = plan.work;
  EXPECT_GT(pace.UseCredit(plan), 0);
  EXPECT_EQ(plan.work, work - 1000);
  EXPECT_EQ(pace.UseCredit(plan), 0);
  pace.AddCredit(10 * static_cast<uint64_t>(work));
  EXPECT_EQ(pace.UseCredit(plan), plan.debt);
  EXPECT_EQ(plan.work, 0);
}

TEST(HeapPaceTest, AllIsSweptWhenTheTriggerIsReached) {
  ModelWorld world;
  sh_layout block = PlainLayout(4096);
  Fill(world, block, 64 * kMiB, 2);
  world.heap.RunCycle(true);
  world.heap.pace.Repace();
  ASSERT_GT(world.heap.store.unswept(), 0U);
  HeapState& state = world.heap.state;
  constexpr uint64_t kPiece = 64 << 10;
  uint64_t longest = 0;
  while (state.live.LoadAcquire() < state.trigger.LoadAcquire() - kMiB) {
    const uint64_t before = world.heap.store.swept_pages();
    world.heap.pace.SweepFor(kPiece);
    state.live.FetchAdd(kPiece);
    longest = std::max(longest, world.heap.store.swept_pages() - before);
  }
  world.heap.pace.SweepFor(kPiece);
  // What the thread holds it sweeps itself.
  EXPECT_LE(world.heap.store.unswept(), 1U);
  EXPECT_LT(longest, 500U);
}

TEST(HeapPaceTest, TheLimiterIsOnWhileTheCollectorHasMoreThanHalf) {
  ModelWorld world;
  HeapPace& pace = world.heap.pace;
  constexpr uint64_t kSecond = 1'000'000'000;
  pace.SetProcessors(2);
  pace.NoteUse(2 * kSecond, 2 * kSecond);
  EXPECT_TRUE(pace.is_limiting());
  pace.NoteUse(4 * kSecond, 3 * kSecond - kSecond / 2);
  EXPECT_FALSE(pace.is_limiting());
}

// Knobs are turned, and what allocates asks, while cycles run.
TEST(HeapPaceTest, KnobsAreTurnedByAnyThread) {
  ModelWorld world;
  sh_layout block = PlainLayout(4096);
  Atomic<bool> is_over;
  std::thread other([&] {
    MemoryGauge& gauge = world.heap.store.pages().gauge();
    for (uint64_t i = 0; !is_over.LoadAcquire(); ++i) {
      world.heap.pace.SetPercent(static_cast<int64_t>(i % 200));
      gauge.SetLimit(i % 3 == 0 ? MemoryGauge::kNone : i * kMiB % (64 * kMiB));
      world.heap.pace.Repace();
      world.heap.pace.IsDue();
    }
  });
  for (int i = 0; i < 30; ++i) {
    Fill(world, block, kMiB, 8);
    world.Collect();
  }
  is_over.StoreRelease(true);
  other.join();
}

}  // namespace
}  // namespace spanheap::collected
