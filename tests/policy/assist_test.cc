// SPDX-License-Identifier: MIT
#include "policy/assist.h"

#include <gtest/gtest.h>

namespace spanheap::policy {
namespace {

constexpr AssistRatio kTwoPerByte = {2.0, 0.5};

TEST(Assist, SmallDebtsPayAhead) {
  const AssistPlan plan = PlanAssist(-100, kTwoPerByte);
  EXPECT_EQ(plan.work, 65536);
  EXPECT_EQ(plan.debt, 32768);
}

TEST(Assist, LargeDebtsPayWhatTheyOwe) {
  const AssistPlan plan = PlanAssist(-100000, kTwoPerByte);
  EXPECT_EQ(plan.work, 200000);
  EXPECT_EQ(plan.debt, 100000);
}

TEST(Assist, CreditIsUsedFirst) {
  const AssistPlan plan = PlanAssist(-100000, kTwoPerByte);
  const CreditUse all = UseCredit(plan, 300000, kTwoPerByte);
  EXPECT_EQ(all.taken, 200000);
  EXPECT_EQ(all.paid, 100000);
  const CreditUse part = UseCredit(plan, 50001, kTwoPerByte);
  EXPECT_EQ(part.taken, 50001);
  EXPECT_EQ(part.paid, 1 + 25000);
  const CreditUse none = UseCredit(plan, -5, kTwoPerByte);
  EXPECT_EQ(none.taken, 0);
  EXPECT_EQ(none.paid, 0);
}

TEST(Assist, OneAllocationAssistsForABoundedTime) {
  EXPECT_EQ(LongestAssist_ns(16), 100'000U);
  EXPECT_EQ(LongestAssist_ns(127 << 10), 100'000U);
  EXPECT_EQ(LongestAssist_ns(256 << 10), 400'000U);
  EXPECT_EQ(LongestAssist_ns(16 << 20), 25'600'000U);
}

TEST(Assist, WhatDoesNotFitIsTheMostThereIs) {
  constexpr int64_t kMuch = int64_t{1} << 40;
  EXPECT_EQ(PaidBy(kMuch, {1e-15, 1e15}), 1 + (int64_t{1} << 62));
  EXPECT_EQ(PlanAssist(-kMuch, {1e15, 1e-15}).work, int64_t{1} << 62);
}

TEST(Assist, RoundingLeavesNoDebtThatNoWorkPays) {
  constexpr AssistRatio kSteep = {1e9, 1e-9};
  EXPECT_EQ(PaidBy(1, kSteep), 1);
  int64_t balance = -3;
  for (int steps = 0; balance < 0; ++steps) {
    ASSERT_LT(steps, 10);
    balance += PaidBy(1, kSteep);
  }
}

// What cannot be marked by who owes it is waited for, beyond the goal: before it there is room.
TEST(Assist, BeyondTheGoalALateCollectorIsWaitedFor) {
  Backlog backlog{.live = 101, .goal = 100, .is_late = true};
  EXPECT_TRUE(MustWait(backlog));
  backlog.live = 100;
  EXPECT_FALSE(MustWait(backlog));
  backlog = {.live = 101, .goal = 100, .is_late = false};
  EXPECT_FALSE(MustWait(backlog));  // it has marked what it could
  backlog = {.live = 101, .goal = 100, .is_late = true, .is_limiting = true};
  EXPECT_FALSE(MustWait(backlog));
  backlog = {.live = ~uint64_t{0}, .goal = kUnbounded, .is_late = true};
  EXPECT_FALSE(MustWait(backlog));
}

TEST(Assist, BeyondALimitTheCollectorIsWaitedForInAnyCase) {
  Backlog backlog{.live = 81, .goal = 100, .limit_goal = 80};
  EXPECT_TRUE(MustWait(backlog));
  backlog.is_limiting = true;
  EXPECT_FALSE(MustWait(backlog));
}

TEST(Assist, AboveALimitWaitsBecomeLongerWhileTheCollectorDoesNothing) {
  const Backlog limited{.live = 81, .goal = 100, .limit_goal = 80};
  const uint64_t shortest_ns = WaitLength_ns(limited, 0);
  EXPECT_EQ(WaitLength_ns(limited, 9), shortest_ns);
  EXPECT_EQ(WaitLength_ns(limited, 10), 2 * shortest_ns);
  EXPECT_EQ(WaitLength_ns(limited, 50), 32 * shortest_ns);
  EXPECT_EQ(WaitLength_ns(limited, ~0U), 32 * shortest_ns);
  const Backlog late{.live = 101, .goal = 100, .is_late = true};
  EXPECT_EQ(WaitLength_ns(late, 50), shortest_ns);
}

}  // namespace
}  // namespace spanheap::policy
