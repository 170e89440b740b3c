// SPDX-License-Identifier: MIT
#include "scavenge/forced_release.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "spans/span_fixture.h"

namespace spanheap {
namespace {

class ForcedReleaseTest : public testing::Test {
 protected:
  ForcedRelease Start(Bytes at_most) {
    return {fixture_.pages(), fixture_.spans(), fixture_.memory(), at_most};
  }
  // `count` runs of 2 MiB; every other one is freed.
  std::vector<PageRun> Scatter(unsigned count) {
    std::vector<PageRun> kept;
    for (unsigned i = 0; i < count; ++i) {
      kept.push_back(fixture_.pages().Allocate(Pages(256)));
    }
    for (size_t i = 0; i < kept.size(); ++i) {
      fixture_.pages().Free(kept[i].first, kept[i].count);
      kept.erase(kept.begin() + static_cast<long>(i));
    }
    return kept;
  }
  uint64_t Backed() { return fixture_.pages().ReadStats().free_backed; }

  SpanFixture fixture_;
  PageCache cache_;
};

TEST_F(ForcedReleaseTest, NoStepGivesMoreThanAPieceAndAllOfThemEverything) {
  Scatter(100);
  ForcedRelease release = Start(Bytes(~size_t{0}));
  unsigned steps = 0;
  Bytes before;
  for (bool has_more = true; has_more; ++steps) {
    has_more = release.Step(cache_);
    EXPECT_LE(release.released() - before, ForcedRelease::kPiece);
    before = release.released();
  }
  EXPECT_EQ(Backed(), 0U);
  EXPECT_GE(release.released(), 100_MiB);
  EXPECT_GE(steps, 100_MiB / ForcedRelease::kPiece);
  EXPECT_FALSE(release.Step(cache_)) << "it stays over";
}

TEST_F(ForcedReleaseTest, GivesAboutWhatWasAskedFor) {
  Scatter(60);
  ForcedRelease release = Start(20_MiB);
  while (release.Step(cache_)) {}
  EXPECT_GE(release.released(), 20_MiB);
  EXPECT_LE(release.released(), 22_MiB);
  EXPECT_GE(Backed(), (30_MiB).value);
}

TEST_F(ForcedReleaseTest, EndsThoughOthersFreeAsMuchMeanwhile) {
  const auto kept = Scatter(200);
  ForcedRelease release = Start(Bytes(~size_t{0}));
  unsigned steps = 0;
  do {
    ASSERT_LT(++steps, 1000U);
    for (int i = 0; i < 4; ++i) {
      const PageRun run = fixture_.pages().Allocate(Pages(256));
      fixture_.pages().Free(run.first, run.count);
    }
  } while (release.Step(cache_));
}

}  // namespace
}  // namespace spanheap
