// SPDX-License-Identifier: MIT
#include "policy/cpu_limiter.h"

#include <gtest/gtest.h>

namespace spanheap::policy {
namespace {

constexpr uint64_t kMs = 1'000'000;

TEST(CpuLimiter, FillsByWhatTheCollectorHasMore) {
  CpuLimiter limiter(2);
  EXPECT_EQ(limiter.capacity_ns(), 2000 * kMs);
  // 12 of 20 ms by assists, 5 by the background quarter, 3 by the program.
  limiter.Update({20 * kMs, 0, 12 * kMs, true});
  EXPECT_EQ(limiter.fill_ns(), 14 * kMs);
  limiter.Update({20 * kMs, 10 * kMs, 0, false});
  EXPECT_EQ(limiter.fill_ns(), 4 * kMs);
  limiter.Update({20 * kMs, 0, 0, false});
  EXPECT_EQ(limiter.fill_ns(), 0u);
}

TEST(CpuLimiter, LimitsWhenFullUntilTheProgramHasMore) {
  CpuLimiter limiter(1);
  limiter.Update({1000 * kMs, 0, 999 * kMs, false});
  EXPECT_FALSE(limiter.limiting());
  limiter.Update({1000 * kMs, 0, 1000 * kMs, false});
  EXPECT_TRUE(limiter.limiting());
  EXPECT_EQ(limiter.fill_ns(), 1000 * kMs);
  EXPECT_EQ(limiter.overflow_ns(), 998 * kMs);
  limiter.Update({20 * kMs, 0, 10 * kMs, false});  // even: stays
  EXPECT_TRUE(limiter.limiting());
  limiter.Update({20 * kMs, 0, 9 * kMs, false});
  EXPECT_FALSE(limiter.limiting());
  EXPECT_EQ(limiter.fill_ns(), 998 * kMs);
}

TEST(CpuLimiter, ReachingTheBrimExactlyLimits) {
  CpuLimiter limiter(1);
  limiter.Update({1000 * kMs, 0, 1000 * kMs, false});
  EXPECT_TRUE(limiter.limiting());
  EXPECT_EQ(limiter.overflow_ns(), 0u);
}

TEST(CpuLimiter, StopsCountForAllProcessors) {
  CpuLimiter limiter(4);
  limiter.UpdateStopped(3 * kMs, 4);
  EXPECT_EQ(limiter.fill_ns(), 12 * kMs);
}

TEST(CpuLimiter, IdleTimeIsNobodys) {
  CpuLimiter limiter(2);
  limiter.Update({20 * kMs, 18 * kMs, 0, true});
  EXPECT_EQ(limiter.fill_ns(), 5 * kMs);  // the quarter is the collector's all the same
}

TEST(CpuLimiter, CapacityFollowsTheProcessors) {
  CpuLimiter limiter(4);
  limiter.Update({3000 * kMs, 0, 3000 * kMs, false});
  limiter.SetProcessors(2);
  EXPECT_EQ(limiter.fill_ns(), 2000 * kMs);
  EXPECT_FALSE(limiter.limiting());
  limiter.Update({1 * kMs, 0, 1 * kMs, false});
  EXPECT_TRUE(limiter.limiting());
  limiter.SetProcessors(4);
  EXPECT_FALSE(limiter.limiting());
}

TEST(CpuLimiter, KeepsTheCollectorNearHalfInTheLongRun) {
  // A program under a limit it cannot keep: whenever it is allowed, the collector takes 90 %.
  CpuLimiter limiter(2);
  uint64_t collector = 0;
  constexpr int kWindows = 60'000;  // ten minutes
  for (int i = 0; i < kWindows; ++i) {
    const uint64_t assist = limiter.limiting() ? 0 : 13 * kMs;
    limiter.Update({20 * kMs, 0, assist, true});
    collector += assist + 5 * kMs;
  }
  const double share = static_cast<double>(collector) / (20.0 * kMs * kWindows);
  EXPECT_GT(share, 0.45);
  EXPECT_LT(share, 0.60);
}

}  // namespace
}  // namespace spanheap::policy
