// SPDX-License-Identifier: MIT
#include "policy/young_choice.h"

#include <gtest/gtest.h>

namespace spanheap::policy {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(YoungChoiceTest, SmallHeapsAreMarkedWhole) {
  YoungChoice choice;
  EXPECT_FALSE(choice.AfterFull(YoungChoice::kLeastLive - 1));
  EXPECT_TRUE(choice.AfterFull(YoungChoice::kLeastLive));
}

TEST(YoungChoiceTest, YoungMarksFollowUntilHalfAsMuchAgainLives) {
  YoungChoice choice;
  ASSERT_TRUE(choice.AfterFull(100 * kMiB));
  EXPECT_TRUE(choice.AfterYoung(110 * kMiB, 10 * kMiB));
  EXPECT_TRUE(choice.AfterYoung(149 * kMiB, 39 * kMiB));
  EXPECT_FALSE(choice.AfterYoung(150 * kMiB, kMiB));
  EXPECT_EQ(choice.full_live(), 100 * kMiB);
  EXPECT_TRUE(choice.AfterFull(90 * kMiB));
}

TEST(YoungChoiceTest, AFullMarkComesAfterManyYoungOnesInAnyCase) {
  YoungChoice choice;
  ASSERT_TRUE(choice.AfterFull(100 * kMiB));
  for (unsigned i = 1; i < YoungChoice::kMostInRow; ++i) {
    EXPECT_TRUE(choice.AfterYoung(100 * kMiB, 0));
  }
  EXPECT_FALSE(choice.AfterYoung(100 * kMiB, 0));
}

TEST(YoungChoiceTest, WhereTheyScanMuchYoungMarksAreTriedEverMoreRarely) {
  YoungChoice choice;
  for (unsigned rest = 1; rest <= 32; rest *= 2) {
    ASSERT_TRUE(choice.AfterFull(100 * kMiB));
    EXPECT_FALSE(choice.AfterYoung(110 * kMiB, 51 * kMiB));
    for (unsigned i = 0; i < rest; ++i) EXPECT_FALSE(choice.AfterFull(100 * kMiB)) << rest;
  }
  ASSERT_TRUE(choice.AfterFull(100 * kMiB));
  EXPECT_TRUE(choice.AfterYoung(110 * kMiB, 10 * kMiB));
  EXPECT_FALSE(choice.AfterYoung(110 * kMiB, 51 * kMiB));
  EXPECT_FALSE(choice.AfterFull(100 * kMiB));  // one, as at first
  EXPECT_TRUE(choice.AfterFull(100 * kMiB));
}

TEST(YoungChoiceTest, SoAreThoseAfterWhichMuchLivesAtOnce) {
  YoungChoice choice;
  ASSERT_TRUE(choice.AfterFull(100 * kMiB));
  EXPECT_FALSE(choice.AfterYoung(150 * kMiB, kMiB));
  EXPECT_FALSE(choice.AfterFull(100 * kMiB));
  ASSERT_TRUE(choice.AfterFull(100 * kMiB));
  EXPECT_TRUE(choice.AfterYoung(149 * kMiB, kMiB));
}

}  // namespace
}  // namespace spanheap::policy
