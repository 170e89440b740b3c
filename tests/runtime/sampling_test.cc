// SPDX-License-Identifier: MIT
//
// Sampling: intervals have the mean and the shape of an exponential distribution.
#include "runtime/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "runtime/options.h"

namespace spanheap {
namespace {

constexpr int kDraws = 1'000'000;

TEST(SamplingTest, IntervalsHaveTheirMeanWithinTwoPercentAndAreNeverZero) {
  for (const uint64_t mean : {uint64_t{4096}, uint64_t{512} << 10, uint64_t{1} << 30}) {
    uint64_t random = 42;
    double sum = 0;
    int64_t least = INT64_MAX;
    for (int i = 0; i < kDraws; ++i) {
      const int64_t interval = NextSampleInterval(random, mean);
      least = std::min(least, interval);
      sum += static_cast<double>(interval);
    }
    EXPECT_GT(least, 0) << "mean " << mean;
    EXPECT_NEAR(sum / kDraws / static_cast<double>(mean), 1, 0.02) << "mean " << mean;
  }
}

TEST(SamplingTest, EvenTheSmallestMeansGivePositiveIntervals) {
  for (uint64_t mean = 1; mean < 100; ++mean) {
    uint64_t random = mean;
    for (int i = 0; i < 10'000; ++i) ASSERT_GT(NextSampleInterval(random, mean), 0);
  }
}

TEST(SamplingTest, LongIntervalsAreAsRareAsAnExponentialDistributionSays) {
  constexpr int64_t kMean = 512 << 10;
  uint64_t random = 7;
  int longer[5] = {};
  for (int i = 0; i < kDraws; ++i) {
    const int64_t interval = NextSampleInterval(random, kMean);
    for (int k = 0; k < 5; ++k) longer[k] += interval > kMean * (k + 1) / 2;
  }
  for (int k = 0; k < 5; ++k) {
    EXPECT_NEAR(static_cast<double>(longer[k]) / kDraws, std::exp(-(k + 1) / 2.0), 0.01) << k;
  }
}

TEST(SamplingTest, TheSameStateGivesTheSameIntervalsAndAnotherGivesOthers) {
  uint64_t a = 5;
  uint64_t b = 5;
  uint64_t c = 6;
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const int64_t interval = NextSampleInterval(a, 1 << 20);
    EXPECT_EQ(NextSampleInterval(b, 1 << 20), interval);
    equal += NextSampleInterval(c, 1 << 20) == interval;
  }
  EXPECT_LT(equal, 10);
}

TEST(SamplingTest, ABlockCountsDownFromWhatTheOptionSays) {
  const auto block = std::make_unique<ThreadBlock>();
  const Bytes before = options.sample;
  options.sample = Bytes(0);
  StartSampling(*block);
  EXPECT_EQ(block->bins.sample_countdown, INT64_MAX);
  options.sample = 64_KiB;
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    StartSampling(*block);
    ASSERT_GT(block->bins.sample_countdown, 0);
    sum += static_cast<double>(block->bins.sample_countdown);
  }
  EXPECT_NEAR(sum / 20'000 / 65536, 1, 0.05);
  options.sample = before;
}

}  // namespace
}  // namespace spanheap
