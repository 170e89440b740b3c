// SPDX-License-Identifier: MIT
#include "policy/sweep_pacing.h"

#include <gtest/gtest.h>

namespace spanheap::policy {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(SweepPacing, ATriggerThatIsNeverReachedIsFarAway) {
  const SweepPace pace = PlanSweep(1000, 0, ~uint64_t{0} - 5, 1 << 20);
  EXPECT_EQ(PagesToSweep(pace, 1 << 20, 1 << 20, 0), 0U);
}

TEST(SweepPacing, SpreadsThePagesOverTheWayToTheTrigger) {
  const SweepPace pace = PlanSweep(1000, 0, 11 * kMiB, 2 * kMiB);
  EXPECT_DOUBLE_EQ(pace.pages_per_byte, 1000.0 / (8 * kMiB));
  EXPECT_EQ(PagesToSweep(pace, 2 * kMiB, 0, 0), 0u);
  EXPECT_EQ(PagesToSweep(pace, 5 * kMiB, kMiB, 0), 500u);
  EXPECT_EQ(PagesToSweep(pace, 5 * kMiB, kMiB, 400), 100u);
  EXPECT_EQ(PagesToSweep(pace, 5 * kMiB, kMiB, 700), 0u);
}

TEST(SweepPacing, ANearTriggerLeavesAPageOfDistance) {
  EXPECT_DOUBLE_EQ(PlanSweep(4, 0, 2 * kMiB, 2 * kMiB).pages_per_byte, 4.0 / 8192);
  EXPECT_DOUBLE_EQ(PlanSweep(4, 0, kMiB, 2 * kMiB).pages_per_byte, 4.0 / 8192);
}

TEST(SweepPacing, NothingIsLeftWhenAllIsSwept) {
  EXPECT_EQ(PlanSweep(10, 10, 100 * kMiB, 0).pages_per_byte, 0);
  EXPECT_EQ(PagesToSweep(PlanSweep(10, 10, 100 * kMiB, 0), 90 * kMiB, kMiB, 0), 0u);
}

TEST(SweepPacing, PagesSweptBeforeThePlanDoNotCount) {
  const SweepPace pace = PlanSweep(1100, 100, 11 * kMiB, 2 * kMiB);
  EXPECT_EQ(PagesToSweep(pace, 6 * kMiB, 0, 100), 500u);
}

TEST(SweepPacing, AHeapThatShrankAsksForNothing) {
  const SweepPace pace = PlanSweep(1000, 0, 11 * kMiB, 2 * kMiB);
  EXPECT_EQ(PagesToSweep(pace, kMiB, 0, 0), 0u);
}

TEST(LimitGoal, LeavesRoomForWhatIsNoObject) {
  // 600 MiB limit, 20 of tables: 580 left, 2 in 100 (whole bytes of hundredths) kept free.
  const LimitedHeap heap{300 * kMiB, 30 * kMiB, 250 * kMiB, 200 * kMiB};
  const uint64_t room = 580 * kMiB;
  EXPECT_EQ(LimitGoal(heap, 600 * kMiB), room - room / 100 * 2);
}

// 300 MiB of spans, 250 of them objects; 10 MiB had not been filled when the last mark ended.
TEST(LimitGoal, FreeSlotsThatWillBeFilledAreRoom) {
  const uint64_t fillable = FillableBytes(300 * kMiB, 250 * kMiB, 10 * kMiB);
  EXPECT_EQ(fillable, 40 * kMiB);
  const LimitedHeap heap{320 * kMiB, 0, 250 * kMiB, 200 * kMiB, fillable};
  const uint64_t room = (250 + 40 + 80) * kMiB;
  EXPECT_EQ(LimitGoal(heap, 400 * kMiB), room - room / 100 * 2);
  EXPECT_EQ(FillableBytes(300 * kMiB, 295 * kMiB, 10 * kMiB), 0U);
}

TEST(LimitGoal, SlotsAreWastedAsFarAsPagesWereTakenThoughTheyWereFree) {
  EXPECT_EQ(WastedAfter({10 * kMiB, 100 * kMiB, 6 * kMiB}), 16 * kMiB);
  EXPECT_EQ(WastedAfter({10 * kMiB, 12 * kMiB, 6 * kMiB}), 12 * kMiB);  // no more than there are
  EXPECT_EQ(WastedAfter({12 * kMiB, 100 * kMiB, 0}), 9 * kMiB);
  EXPECT_EQ(WastedAfter({12 * kMiB, 8 * kMiB, 0}), 8 * kMiB);
}

TEST(LimitGoal, FreePagesAboveTheLimitAreToGoBackFirst) {
  const LimitedHeap heap{110 * kMiB, 20 * kMiB, 80 * kMiB, 10 * kMiB};
  // 90 MiB are used, of which 10 are no objects; 10 of the free ones are too many.
  const uint64_t room = 80 * kMiB;
  EXPECT_EQ(LimitGoal(heap, 100 * kMiB), room - room / 100 * 2);
}

// A heap above the limit whose free slots lie scattered: they are filled before the next cycle, and
// one that takes pages all the same is collected at once.
TEST(LimitGoal, AboveTheLimitOnlyFreeSlotsAreRoom) {
  LimitedHeap heap{130 * kMiB, 0, 60 * kMiB, 50 * kMiB, 40 * kMiB};
  const uint64_t room = 100 * kMiB;
  EXPECT_EQ(LimitGoal(heap, 100 * kMiB), room - room / 100 * 2);
  heap.grown = 2 * kMiB;
  EXPECT_EQ(LimitGoal(heap, 100 * kMiB), heap.marked);
  heap.mapped = 95 * kMiB;
  EXPECT_GT(LimitGoal(heap, 100 * kMiB), 100 * kMiB);
}

// A sixteenth of free pages that objects may take lies above the mark: they need not go back.
TEST(LimitGoal, UnderAHardLimitFreePagesAreRoom) {
  const LimitedHeap heap{640 * kMiB, 40 * kMiB, 400 * kMiB, 200 * kMiB};
  const uint64_t room = (400 + 620 - 600) * kMiB;  // 640 less a 32nd, of which 600 are used
  EXPECT_EQ(HardLimitGoal(heap, 640 * kMiB), room - room / 100 * 2);
  EXPECT_EQ(HardLimitGoal(heap, ~uint64_t{0}), ~uint64_t{0});
}

TEST(LimitGoal, IsNeverBelowWhatLives) {
  EXPECT_EQ(LimitGoal({500 * kMiB, 0, 395 * kMiB, 390 * kMiB}, 100 * kMiB), 390 * kMiB);
  EXPECT_EQ(LimitGoal({500 * kMiB, 0, 395 * kMiB, 390 * kMiB}, 300 * kMiB), 390 * kMiB);
}

TEST(LimitGoal, SmallLimitsKeepAMebibyte) {
  EXPECT_EQ(LimitGoal({kMiB, 0, kMiB, 0}, 10 * kMiB), 9 * kMiB);
  EXPECT_EQ(LimitGoal({kMiB, 0, kMiB, 0}, kMiB + kMiB / 2), kMiB);
  EXPECT_EQ(LimitGoal({kMiB, 0, kMiB, 0}, ~uint64_t{0}), ~uint64_t{0});
}

}  // namespace
}  // namespace spanheap::policy
