// SPDX-License-Identifier: MIT
#include "policy/young_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spanheap::policy {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// All of `live` was scanned; what was new has died.
bool AfterFull(YoungChoice& choice, uint64_t live) {
  return choice.AfterFull({live, live}, {live, 0});
}

class YoungChoiceTest : public testing::Test {
 protected:
  // The first full mark is one of a heap that grows.
  YoungChoiceTest() { EXPECT_FALSE(AfterFull(choice_, 100 * kMiB)); }

  YoungChoice choice_{false};
};

TEST_F(YoungChoiceTest, SmallHeapsAreMarkedWhole) {
  EXPECT_FALSE(AfterFull(choice_, YoungChoice::kLeastLive - 1));
  EXPECT_TRUE(AfterFull(choice_, YoungChoice::kLeastLive));
}

TEST_F(YoungChoiceTest, YoungMarksFollowUntilHalfAsMuchAgainLives) {
  ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
  EXPECT_TRUE(choice_.AfterYoung({110 * kMiB, 10 * kMiB}));
  EXPECT_TRUE(choice_.AfterYoung({149 * kMiB, 39 * kMiB}));
  EXPECT_FALSE(choice_.AfterYoung({150 * kMiB, kMiB}));
  EXPECT_TRUE(AfterFull(choice_, 90 * kMiB));
}

TEST_F(YoungChoiceTest, AFullMarkComesAfterManyYoungOnesInAnyCase) {
  ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
  for (unsigned i = 1; i < YoungChoice::kMostInRow; ++i) {
    EXPECT_TRUE(choice_.AfterYoung({100 * kMiB, 0}));
  }
  EXPECT_FALSE(choice_.AfterYoung({100 * kMiB, 0}));
}

TEST_F(YoungChoiceTest, AHeapThatGrowsIsMarkedWhole) {
  EXPECT_FALSE(AfterFull(choice_, 150 * kMiB));
  EXPECT_FALSE(AfterFull(choice_, 225 * kMiB));
  EXPECT_TRUE(AfterFull(choice_, 330 * kMiB));
}

TEST_F(YoungChoiceTest, SoIsOneWhoseNewcomersLive) {
  const MarkFound found{100 * kMiB, 100 * kMiB};
  EXPECT_FALSE(choice_.AfterFull(found, {100 * kMiB, 51 * kMiB}));
  EXPECT_TRUE(choice_.AfterFull(found, {100 * kMiB, 50 * kMiB}));
  EXPECT_FALSE(choice_.AfterFull(found, {6 * kMiB, 0}));  // a few tell nothing
}

TEST(Newcomers, TellHowMuchOfWhatIsAsNewWillDie) {
  const Newcomers newcomers{100 * kMiB, 25 * kMiB};
  EXPECT_EQ(newcomers.DyingOf(40 * kMiB), 30 * kMiB);
  EXPECT_EQ(newcomers.DyingOf(101 * kMiB), 0U);  // more than these can tell of
  EXPECT_EQ(Newcomers{}.DyingOf(0), 0U);
}

TEST_F(YoungChoiceTest, FirstOnesThatScanMuchAreTriedEverMoreRarely) {
  const unsigned most = YoungChoice::kLeastRest << YoungChoice::kMostDoublings;
  for (unsigned rest = YoungChoice::kLeastRest; rest <= 2 * most; rest *= 2) {
    ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
    EXPECT_FALSE(choice_.AfterYoung({110 * kMiB, 51 * kMiB}));
    for (unsigned i = 0; i < std::min(rest, most); ++i) {
      EXPECT_FALSE(AfterFull(choice_, 100 * kMiB)) << rest;
    }
  }
  ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
  EXPECT_TRUE(choice_.AfterYoung({110 * kMiB, 10 * kMiB}));
  EXPECT_FALSE(choice_.AfterYoung({110 * kMiB, 51 * kMiB}));
  EXPECT_TRUE(AfterFull(choice_, 100 * kMiB));  // one has paid: no rest
  EXPECT_FALSE(choice_.AfterYoung({110 * kMiB, 51 * kMiB}));
  for (unsigned i = 0; i < YoungChoice::kLeastRest; ++i) {
    EXPECT_FALSE(AfterFull(choice_, 100 * kMiB));  // as at first
  }
  EXPECT_TRUE(AfterFull(choice_, 100 * kMiB));
}

TEST_F(YoungChoiceTest, SoAreThoseAfterWhichMuchLivesAtOnce) {
  ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
  EXPECT_FALSE(choice_.AfterYoung({150 * kMiB, kMiB}));
  EXPECT_FALSE(AfterFull(choice_, 100 * kMiB));
}

// Half of what came may stay.
TEST_F(YoungChoiceTest, OneThatFindsMostOfWhatCameAliveIsTheLast) {
  ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
  EXPECT_TRUE(choice_.AfterYoung({140 * kMiB, kMiB, 80 * kMiB, 40 * kMiB}));
  EXPECT_FALSE(choice_.AfterYoung({149 * kMiB, kMiB, 80 * kMiB, 41 * kMiB}));
  ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
  EXPECT_FALSE(choice_.AfterYoung({141 * kMiB, kMiB, 80 * kMiB, 41 * kMiB}));
  EXPECT_FALSE(AfterFull(choice_, 100 * kMiB)) << "it was the first one: a rest";
}

TEST_F(YoungChoiceTest, FewThatStayTellNothing) {
  ASSERT_TRUE(AfterFull(choice_, 100 * kMiB));
  EXPECT_TRUE(choice_.AfterYoung({106 * kMiB, kMiB, 6 * kMiB, 6 * kMiB}));
}

TEST_F(YoungChoiceTest, MuchIsMeasuredByWhatAFullMarkScans) {
  ASSERT_TRUE(choice_.AfterFull({100 * kMiB, 2 * kMiB}, {100 * kMiB, 0}));
  EXPECT_FALSE(choice_.AfterYoung({110 * kMiB, kMiB + 1}));
}

TEST_F(YoungChoiceTest, AlwaysMeansAfterEachFullMark) {
  YoungChoice choice(true);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(choice.AfterFull({100 * kMiB, 100 * kMiB}, {100 * kMiB, 100 * kMiB}));
    EXPECT_FALSE(choice.AfterYoung({150 * kMiB, 100 * kMiB}));
  }
  EXPECT_FALSE(choice.AfterFull({YoungChoice::kLeastLive - 1, 0}, {}));
}

}  // namespace
}  // namespace spanheap::policy
