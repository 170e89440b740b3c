// SPDX-License-Identifier: MIT
#include "policy/scavenge_goal.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spanheap {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kTick_ns = 250'000'000;
constexpr uint64_t kSecond_ns = 1'000'000'000;

// A clock and a use that are moved by hand, told to the goal each tick.
struct Simulation {
  ScavengeGoal goal;
  uint64_t now_ns = kSecond_ns;

  void Hold(uint64_t in_use, uint64_t for_ns, uint64_t swing = 0) {
    for (uint64_t end = now_ns + for_ns; now_ns < end; now_ns += kTick_ns) {
      goal.Observe(now_ns, in_use, swing);
    }
  }
};

TEST(ScavengeGoal, IsTheSwingAboveAUseThatHardlyMoves) {
  Simulation sim;
  for (int i = 0; i < 3600; ++i) {
    sim.Hold(100 * kMiB - static_cast<uint64_t>(i % 2) * 8192, kSecond_ns, kMiB);
    ASSERT_GE(sim.goal.bytes(), 101 * kMiB - 16384);
    ASSERT_LE(sim.goal.bytes(), 101 * kMiB);
  }
  EXPECT_FALSE(sim.goal.has_fallen());
  EXPECT_TRUE(sim.goal.is_settled());
}

TEST(ScavengeGoal, IsATenthAboveTheUseAtMost) {
  Simulation sim;
  sim.goal.Observe(sim.now_ns, 100 * kMiB, 50 * kMiB);
  EXPECT_EQ(sim.goal.bytes(), 110 * kMiB);
}

TEST(ScavengeGoal, RemembersASwingForSomeSeconds) {
  Simulation sim;
  sim.goal.Observe(sim.now_ns, 100 * kMiB, 8 * kMiB);
  for (int i = 0; i < 8; ++i) {  // two seconds in which the use moves a little
    sim.now_ns += kTick_ns;
    sim.goal.Observe(sim.now_ns, 100 * kMiB + static_cast<uint64_t>(i % 2), 0);
  }
  EXPECT_GT(sim.goal.bytes(), 103 * kMiB);
  EXPECT_LT(sim.goal.bytes(), 105 * kMiB);
}

TEST(ScavengeGoal, ComesDownToAUseThatIsStill) {
  Simulation sim;
  sim.Hold(100 * kMiB, ScavengeGoal::kStill_ns, 10 * kMiB);
  EXPECT_FALSE(sim.goal.is_still());
  EXPECT_EQ(sim.goal.bytes(), 110 * kMiB);
  sim.Hold(100 * kMiB, 5 * kSecond_ns);
  EXPECT_TRUE(sim.goal.is_still());
  EXPECT_EQ(sim.goal.bytes(), 100 * kMiB);
  EXPECT_EQ(sim.goal.Excess(100 * kMiB + (64 << 10)), 64U << 10);
}

TEST(ScavengeGoal, HasASwingAgainWhenUseMoves) {
  Simulation sim;
  sim.Hold(100 * kMiB, 5 * kSecond_ns);
  sim.goal.Observe(sim.now_ns, 100 * kMiB + 8192, 4 * kMiB);
  EXPECT_FALSE(sim.goal.is_still());
  EXPECT_GE(sim.goal.bytes(), 104 * kMiB);
}

TEST(ScavengeGoal, KeepsNothingOfAPeakOnceUseIsStill) {
  Simulation sim;
  sim.Hold(100 * kMiB, kSecond_ns);
  sim.Hold(90 * kMiB, kSecond_ns);  // no fall: decays slowly until then
  EXPECT_GT(sim.goal.peak(), 95 * kMiB);
  sim.Hold(90 * kMiB, 3 * kSecond_ns);
  EXPECT_EQ(sim.goal.bytes(), 90 * kMiB);
}

TEST(ScavengeGoal, NeverLiesBelowItsFloor) {
  Simulation sim;
  sim.goal.SetFloor(64 * kMiB);
  sim.Hold(10 * kMiB, 5 * kSecond_ns);
  EXPECT_EQ(sim.goal.bytes(), 64 * kMiB);
  EXPECT_EQ(sim.goal.Excess(64 * kMiB), 0U);
  sim.goal.Observe(sim.now_ns, 100 * kMiB, 0);
  EXPECT_EQ(sim.goal.bytes(), 100 * kMiB);
}

TEST(ScavengeGoal, FollowsGrowthAtOnce) {
  Simulation sim;
  sim.Hold(10 * kMiB, kSecond_ns);
  sim.goal.Observe(sim.now_ns, 1000 * kMiB, 0);
  EXPECT_EQ(sim.goal.peak(), 1000 * kMiB);
}

TEST(ScavengeGoal, IsNearTheUseASecondAfterASpike) {
  Simulation sim;
  sim.Hold(256 * kMiB, 10 * kSecond_ns);
  sim.goal.Observe(sim.now_ns, 26 * kMiB, 0);
  EXPECT_TRUE(sim.goal.has_fallen());
  sim.Hold(26 * kMiB, kSecond_ns);
  EXPECT_LT(sim.goal.bytes(), 45 * kMiB);
  sim.Hold(26 * kMiB, 30 * kSecond_ns);
  EXPECT_EQ(sim.goal.bytes(), 26 * kMiB);
  EXPECT_TRUE(sim.goal.is_settled());
}

TEST(ScavengeGoal, HardlyMovesWhenUseSwingsQuickly) {
  Simulation sim;
  uint64_t least = ~uint64_t{0};
  for (int i = 0; i < 36'000; ++i) {
    sim.now_ns += 100'000'000;
    sim.goal.Observe(sim.now_ns, (i % 2 == 0 ? 100 : 80) * kMiB, 0);
    least = std::min(least, sim.goal.bytes());
  }
  EXPECT_GT(least, 98 * kMiB);
}

TEST(ScavengeGoal, NeverLiesBelowTheUse) {
  Simulation sim;
  uint64_t state = 1;
  for (int i = 0; i < 100'000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    sim.now_ns += (state >> 40) % (5 * kSecond_ns);
    const uint64_t in_use = state >> 24;
    sim.goal.Observe(sim.now_ns, in_use, state % kMiB);
    ASSERT_GE(sim.goal.peak(), in_use);
    ASSERT_EQ(sim.goal.Excess(in_use), 0U);
  }
}

TEST(ScavengeGoal, AsksForNothingWhenLittleWouldCome) {
  Simulation sim;
  sim.Hold(100 * kMiB, ScavengeGoal::kStill_ns);
  EXPECT_EQ(sim.goal.Excess(100 * kMiB + ScavengeGoal::kLeastExcess), 0U);
  EXPECT_EQ(sim.goal.Excess(102 * kMiB), 2 * kMiB);
}

TEST(ScavengeGoal, CaresForLessInASmallHeap) {
  Simulation sim;
  sim.Hold(4 * kMiB, ScavengeGoal::kStill_ns);
  EXPECT_EQ(sim.goal.Excess(4 * kMiB + (64 << 10)), 0U);
  EXPECT_NE(sim.goal.Excess(4 * kMiB + (80 << 10)), 0U);
}

TEST(ScavengeGoal, TellsEachGenerationOnce) {
  Simulation sim;
  unsigned generations = 0;
  for (int i = 0; i < 400; ++i, sim.now_ns += kTick_ns) {
    sim.goal.Observe(sim.now_ns, kMiB, 0);
    generations += sim.goal.TakeGeneration() ? 1 : 0;
    EXPECT_FALSE(sim.goal.TakeGeneration());
  }
  EXPECT_EQ(generations, 199U);  // 100 s of half seconds; the first begins with the first look
}

}  // namespace
}  // namespace spanheap
