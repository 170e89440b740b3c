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

TEST_F(CacheShareTest, ThreadsHaveTheSameParts) {
  EXPECT_EQ(share_.bytes(), CacheShare::kMostForOne);
  for (uint64_t threads = 1; threads <= 300; ++threads) {
    share_.Join();
    EXPECT_EQ(share_.bytes(),
              std::min(CacheShare::kLeastForAll / threads, CacheShare::kMostForOne));
  }
  for (int i = 0; i < 296; ++i) share_.Leave();
  EXPECT_EQ(share_.threads(), 4U);
  EXPECT_EQ(share_.bytes(), CacheShare::kLeastForAll / 4);
}

TEST_F(CacheShareTest, ALargeHeapHasALargeBound) {
  for (int i = 0; i < 100; ++i) share_.Join();
  CountAs(8192 * kMiB);
  EXPECT_EQ(share_.bytes(), 1024 * kMiB / 100);
  CountAs(100 * kMiB);
  EXPECT_EQ(share_.bytes(), CacheShare::kLeastForAll / 100);
}

TEST_F(CacheShareTest, ALimitLowersItAndAHeapAboveItsTargetMore) {
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
