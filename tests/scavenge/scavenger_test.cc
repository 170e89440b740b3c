// SPDX-License-Identifier: MIT
#include "scavenge/scavenger.h"

#include <gtest/gtest.h>

#include <vector>

#include "spans/span_fixture.h"

namespace spanheap {
namespace {

constexpr Bytes kNoEnd{~size_t{0}};

// A scavenger whose clock is moved by hand.
class ScavengerTest : public testing::Test {
 protected:
  void SetUp() override { scavenger_.Init(fixture_.memory()); }

  std::vector<PageRun> Take(unsigned count, Pages each) {
    std::vector<PageRun> runs(count);
    for (PageRun& run : runs) run = pages().Allocate(each);
    return runs;
  }
  void Free(const std::vector<PageRun>& runs) {
    for (const PageRun& run : runs) pages().Free(run.first, run.count);
  }
  // Time passes; after each tick everything is done that can be.
  uint64_t Pass(uint64_t seconds) {
    uint64_t released = 0;
    EXPECT_TRUE(scavenger_.TryTake());
    for (uint64_t end = now_ns_ + seconds * 1'000'000'000; now_ns_ < end;
         now_ns_ += Scavenger::kTick_ns) {
      scavenger_.Tick(now_ns_);
      while (scavenger_.has_more()) released += scavenger_.Slice(kNoEnd, cache_).value;
    }
    quiet_ticks_ = scavenger_.quiet_ticks();
    scavenger_.Leave();
    return released;
  }
  // Gives back what it can, step by step.
  uint64_t Release() {
    ForcedRelease release = scavenger_.Release(kNoEnd);
    while (release.Step(cache_)) {}
    return release.released().value;
  }
  uint64_t Backed() { return pages().ReadStats().free_backed; }
  PageHeap& pages() { return fixture_.pages(); }

  SpanFixture fixture_;
  Scavenger scavenger_{fixture_.pages(), fixture_.spans()};
  PageCache cache_;
  uint64_t now_ns_ = 1'000'000'000;
  uint32_t quiet_ticks_ = 0;
};

TEST_F(ScavengerTest, GivesASpikeBackInSecondsAndIsQuietThen) {
  const auto kept = Take(10, Pages(128));
  const auto spike = Take(100, Pages(128));
  Pass(2);
  EXPECT_EQ(Backed(), 0U);
  Free(spike);
  Pass(3);
  EXPECT_LE(Backed(), BytesOf(Pages(128)).value * 6);
  Pass(20);
  EXPECT_LE(Backed(), BytesOf(Pages(128)).value * 2);
  EXPECT_GE(quiet_ticks_, 8U);
  Free(kept);
}

TEST_F(ScavengerTest, KeepsWhatSwingsQuickly) {
  const auto base = Take(50, Pages(128));
  uint64_t released = 0;
  for (int i = 0; i < 40; ++i) {
    const auto swing = Take(8, Pages(128));
    now_ns_ += 1;
    ASSERT_TRUE(scavenger_.TryTake());
    scavenger_.Tick(now_ns_ += 50'000'000);
    Free(swing);
    scavenger_.Tick(now_ns_ += 50'000'000);
    while (scavenger_.has_more()) released += scavenger_.Slice(kNoEnd, cache_).value;
    scavenger_.Leave();
  }
  EXPECT_EQ(released, 0U);
  Free(base);
}

TEST_F(ScavengerTest, ReleaseGivesSparesPagesAndHoles) {
  SpanHeap& spans = fixture_.spans();
  bool zeroed = false;
  const unsigned run_class = MallocClassFor(100 << 10);
  void* run = spans.AllocateRun(run_class, Pages(1), cache_, zeroed);
  spans.FreeRun(run_class, run, cache_, "free");
  ASSERT_GT(spans.kept_run_bytes(), 0U);
  EXPECT_GT(Release(), 0U);
  EXPECT_EQ(spans.kept_run_bytes(), 0U);
  pages().Flush(cache_);
  Release();
  EXPECT_EQ(Backed(), 0U);
  EXPECT_EQ(Release(), 0U);
}

TEST_F(ScavengerTest, KeepsWhatTheFloorAllows) {
  const auto runs = Take(64, Pages(128));
  Pass(2);
  Free(runs);
  ASSERT_TRUE(scavenger_.TryTake());
  scavenger_.SetFloor(BytesOf(Pages(128 * 40)));
  scavenger_.Leave();
  Pass(20);
  const uint64_t kept = scavenger_.ReadUse().retained;
  EXPECT_GE(kept, BytesOf(Pages(128 * 39)).value);
  EXPECT_LE(kept, BytesOf(Pages(128 * 41)).value);
}

TEST_F(ScavengerTest, GivesBackWhatTheGoalWouldKeepWhenASoftLimitIsNear) {
  const auto runs = Take(64, Pages(128));
  const auto kept = Take(16, Pages(128));
  Free(runs);
  ASSERT_TRUE(scavenger_.TryTake());
  scavenger_.SetFloor(BytesOf(Pages(128 * 1000)));
  scavenger_.Leave();
  EXPECT_EQ(Pass(5), 0U);
  EXPECT_EQ(scavenger_.released_by(ReleaseCause::kBackground), 0U);
  MemoryGauge& gauge = pages().gauge();
  const uint64_t mark = gauge.counted() - BytesOf(Pages(128 * 40)).value;
  gauge.SetBackground(mark);
  EXPECT_GT(Pass(1), 0U);
  EXPECT_LE(gauge.counted(), mark + ScavengeGoal::kLeastExcessWhenStill);
  EXPECT_GE(gauge.counted(), mark - BytesOf(Pages(512)).value) << "and no more than that";
  EXPECT_GT(scavenger_.released_by(ReleaseCause::kLimit), 0U);
  EXPECT_EQ(scavenger_.released_by(ReleaseCause::kBackground), 0U);
  Free(kept);
}

TEST_F(ScavengerTest, ALimitThatCannotBeKeptLeavesTheScavengerQuiet) {
  const auto kept = Take(16, Pages(128));
  pages().gauge().SetBackground(1 << 20);
  Pass(10);
  EXPECT_GE(quiet_ticks_, 8U);
  Free(kept);
}

TEST_F(ScavengerTest, KeepsNothingFreeOnceUseIsStill) {
  const auto kept = Take(32, Pages(128));
  const auto spike = Take(32, Pages(128));
  Pass(1);
  Free(spike);
  Pass(5);
  EXPECT_LE(Backed(), ScavengeGoal::kLeastExcessWhenStill);
  Free(kept);
}

TEST_F(ScavengerTest, ATickThatIsHurriedDoesNotWait) {
  ASSERT_TRUE(scavenger_.TryTake());
  scavenger_.Work(now_ns_, cache_);
  while (scavenger_.has_more()) scavenger_.Work(now_ns_, cache_);
  EXPECT_GT(scavenger_.Wait_ns(now_ns_), Scavenger::kTickAfterFall_ns / 2);
  scavenger_.Hurry(false);
  EXPECT_EQ(scavenger_.Wait_ns(now_ns_), 0U);
  scavenger_.Work(now_ns_, cache_);
  EXPECT_GT(scavenger_.Wait_ns(now_ns_), 0U);
  scavenger_.Leave();
}

TEST_F(ScavengerTest, WhatGoesAtALookThatGrowthBroughtForwardIsEager) {
  const auto spike = Take(64, Pages(128));
  ASSERT_TRUE(scavenger_.TryTake());
  scavenger_.Work(now_ns_, cache_);
  Free(spike);
  scavenger_.Hurry(true);
  scavenger_.Work(now_ns_ += 10'000'000'000, cache_);
  EXPECT_GT(scavenger_.released_by(ReleaseCause::kEager), 0U);
  EXPECT_EQ(scavenger_.released_by(ReleaseCause::kBackground), 0U);
  const uint64_t eager = scavenger_.released_by(ReleaseCause::kEager);
  for (int i = 0; i < 20; ++i) scavenger_.Work(now_ns_ += 1'000'000'000, cache_);
  EXPECT_EQ(scavenger_.released_by(ReleaseCause::kEager), eager);
  EXPECT_GT(scavenger_.released_by(ReleaseCause::kBackground), 0U);
  scavenger_.Leave();
}

TEST_F(ScavengerTest, OneThreadAtATimeHasTheTurn) {
  ASSERT_TRUE(scavenger_.TryTake());
  EXPECT_FALSE(scavenger_.TryTake());
  scavenger_.Leave();
}

TEST_F(ScavengerTest, RefusedPagesAreTriedAgainInALaterGeneration) {
  const auto spike = Take(40, Pages(128));
  Pass(1);
  Free(spike);
  fixture_.memory().set_locked(true);
  EXPECT_EQ(Pass(3), 0U);
  fixture_.memory().set_locked(false);
  EXPECT_GT(Pass(3), 0U);
}

}  // namespace
}  // namespace spanheap
