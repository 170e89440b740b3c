// SPDX-License-Identifier: MIT
//
// CacheShare: the parts of its bound, by threads, heap and limit.
#include "caches/cache_share.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pages/memory_gauge.h"

namespace spanheap {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class CacheShareTest : public testing::Test {
 protected:
  void CountAs(uint64_t bytes) {
    gauge_.Uncharge(Bytes(gauge_.counted()));
    gauge_.Charge(Bytes(bytes));
    share_.Update();
  }
  MemoryGauge gauge_;
  CacheShare share_{gauge_};
};

TEST_F(CacheShareTest, ThreadsThatKeepLittleLeaveOthersTheirs) {
  for (int i = 0; i < 1000; ++i) share_.Join();
  share_.Note(CacheShare::kLeastForAll);
  EXPECT_EQ(share_.bytes(), CacheShare::kMostForOne);
}

TEST_F(CacheShareTest, AboveTheBoundThreadsHaveTheSameParts) {
  EXPECT_EQ(share_.bytes(), CacheShare::kMostForOne);
  share_.Note(CacheShare::kLeastForAll + 1);
  for (uint64_t threads = 1; threads <= 300; ++threads) {
    share_.Join();
    EXPECT_EQ(share_.bytes(), std::clamp(CacheShare::kLeastForAll / threads,
                                         CacheShare::kLeastForOne, CacheShare::kMostForOne));
  }
  for (int i = 0; i < 296; ++i) share_.Leave();
  EXPECT_EQ(share_.threads(), 4U);
  EXPECT_EQ(share_.bytes(), CacheShare::kLeastForAll / 4);
}

TEST_F(CacheShareTest, TheyHaveThemUntilTheSumIsAQuarterBelow) {
  for (int i = 0; i < 16; ++i) share_.Join();
  share_.Note(CacheShare::kLeastForAll + 1);
  EXPECT_EQ(share_.bytes(), CacheShare::kLeastForAll / 16);
  share_.Note(uint64_t{0} - CacheShare::kLeastForAll / 8);
  EXPECT_EQ(share_.bytes(), CacheShare::kLeastForAll / 16);
  share_.Note(uint64_t{0} - CacheShare::kLeastForAll / 8 - 1);
  EXPECT_EQ(share_.bytes(), CacheShare::kMostForOne);
  EXPECT_EQ(share_.kept(), CacheShare::kLeastForAll / 4 * 3);
}

TEST_F(CacheShareTest, ALargeHeapHasALargeBound) {
  share_.Note(4096 * kMiB);
  for (int i = 0; i < 100; ++i) share_.Join();
  CountAs(8192 * kMiB);
  EXPECT_EQ(share_.bytes(), 1024 * kMiB / 100);
  CountAs(100 * kMiB);
  EXPECT_EQ(share_.bytes(), CacheShare::kLeastForAll / 100);
}

TEST_F(CacheShareTest, ALimitLowersItAndAHeapAboveItsTargetMore) {
  share_.Note(4096 * kMiB);
  share_.Join();
  share_.Join();
  gauge_.SetLimit(100 * kMiB);
  gauge_.SetTarget(95 * kMiB);
  CountAs(90 * kMiB);
  EXPECT_EQ(share_.bytes(), 25 * kMiB / 2);
  CountAs(96 * kMiB);
  EXPECT_EQ(share_.bytes(), 25 * kMiB / CacheShare::kPartAboveTarget / 2);
  CountAs(90 * kMiB);
  EXPECT_EQ(share_.bytes(), 25 * kMiB / 2);
}

}  // namespace
}  // namespace spanheap
