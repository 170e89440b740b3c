// SPDX-License-Identifier: MIT
//
// What the page heap charges to its gauge: equal to what it has mapped and not released, whatever
// happens; and the ceiling, which no take passes.
#include "pages/memory_gauge.h"

#include <gtest/gtest.h>

#include <vector>

#include "models/script_random.h"
#include "os/fake_memory.h"
#include "pages/page_heap.h"

namespace spanheap {
namespace {

class MemoryGaugeTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(heap_.Init(memory_, PageHeapOptions())); }
  void TearDown() override { heap_.Verify(); }

  void ExpectExact() {
    const PageHeapStats stats = heap_.ReadStats();
    EXPECT_EQ(heap_.gauge().counted(), stats.mapped() - stats.released);
  }
  // The ceiling lies so far above what counts now.
  void AllowMore(Bytes more) { heap_.gauge().SetCeiling(heap_.gauge().counted() + more.value); }
  void FreeAll() {
    for (const PageRun& run : runs_) heap_.Free(run.first, run.count);
    runs_.clear();
  }
  PageRun Take(Pages n, Pages alignment = Pages(1)) {
    const PageRun run = heap_.Allocate(n, alignment);
    if (run) runs_.push_back(run);
    return run;
  }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  PageHeap heap_;
  std::vector<PageRun> runs_;
};

TEST_F(MemoryGaugeTest, GrownPagesCountOnlyOnceTaken) {
  const uint64_t tables = heap_.gauge().counted();
  ASSERT_TRUE(Take(Pages(3)));
  ExpectExact();
  const PageHeapStats stats = heap_.ReadStats();
  EXPECT_EQ(heap_.gauge().counted() - stats.metadata, BytesOf(Pages(3)).value);
  EXPECT_GE(stats.metadata, tables);
  FreeAll();
  ExpectExact();
  EXPECT_EQ(heap_.gauge().counted() - stats.metadata, BytesOf(Pages(3)).value) << "still backed";
  EXPECT_EQ(heap_.ReleaseFree(Pages(1000), true), Pages(3));
  EXPECT_EQ(heap_.gauge().counted(), stats.metadata);
}

TEST_F(MemoryGaugeTest, FollowsTheCountsThroughARandomScript) {
  ScriptRandom random(11);
  PageCache cache;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t what = random.Below(20);
    if (what < 8) {
      Take(Pages(static_cast<uint32_t>(random.Size(10))));
    } else if (what < 10) {
      const PageRun run = heap_.AllocateFrom(cache, Pages(1 + random.Below(8)));
      if (run) runs_.push_back(run);
    } else if (what < 17 && !runs_.empty()) {
      std::swap(runs_[random.Below(runs_.size())], runs_.back());
      heap_.FreeTo(cache, runs_.back().first, runs_.back().count);
      runs_.pop_back();
    } else if (what == 17) {
      heap_.ReleaseFree(Pages(static_cast<uint32_t>(random.Below(2000))), random.OneIn(2));
    } else if (what == 18 && random.OneIn(20)) {
      heap_.ReleaseChunks(Pages(4096));
    } else if (what == 19 && !runs_.empty()) {
      const PageRun more = heap_.TryExtend(runs_.back().end(), Pages(1 + random.Below(30)));
      if (more) runs_.push_back(more);
    }
    if (i % 64 == 0) ExpectExact();
  }
  heap_.Flush(cache);
  FreeAll();
  ExpectExact();
}

TEST_F(MemoryGaugeTest, NoTakePassesTheCeiling) {
  ASSERT_TRUE(Take(Pages(1)));
  AllowMore(1_MiB);
  uint32_t taken = 0;
  PageRun run;
  while ((run = Take(Pages(7)))) taken += 7;
  EXPECT_TRUE(run.over_limit);
  EXPECT_LE(taken, 128U);
  EXPECT_GE(taken, 126U - 7);
  EXPECT_LE(heap_.gauge().counted(), heap_.gauge().ceiling());
  EXPECT_TRUE(Take(Pages(100000)).over_limit);
  EXPECT_TRUE(Take(Pages(64), Pages(64)).over_limit);
  EXPECT_FALSE(heap_.TryExtend(runs_.back().end(), Pages(64)));
  ExpectExact();
  FreeAll();
}

TEST_F(MemoryGaugeTest, BackedPagesAreTakenAtTheCeilingItself) {
  ASSERT_TRUE(Take(Pages(100)));
  AllowMore(0_MiB);
  FreeAll();
  const PageRun again = Take(Pages(60));
  EXPECT_TRUE(again);
  EXPECT_EQ(again.scavenged, Pages(0));
  EXPECT_TRUE(Take(Pages(40)));
  EXPECT_TRUE(Take(Pages(1)).over_limit);
  FreeAll();
  ASSERT_NE(heap_.ReleaseFree(Pages(50), true), Pages(0));
  EXPECT_TRUE(Take(Pages(90))) << "what was released makes room again";
  FreeAll();
}

TEST_F(MemoryGaugeTest, CachesTakeNoBlockThatWouldPassTheCeiling) {
  PageCache cache;
  ASSERT_TRUE(Take(Pages(1)));
  AllowMore(Bytes(20 * kPageSize.value));
  uint32_t taken = 0;
  for (PageRun run; (run = heap_.AllocateFrom(cache, Pages(2))); taken += 2) runs_.push_back(run);
  EXPECT_EQ(taken, 20U);
  EXPECT_LE(heap_.gauge().counted(), heap_.gauge().ceiling());
  heap_.Flush(cache);
  FreeAll();
}

TEST(MemoryGaugeAlone, TryChargeIsAllOrNothing) {
  MemoryGauge gauge;
  EXPECT_TRUE(gauge.TryCharge(Bytes(100)));
  gauge.SetCeiling(150);
  EXPECT_FALSE(gauge.TryCharge(Bytes(51)));
  EXPECT_EQ(gauge.counted(), 100U);
  EXPECT_TRUE(gauge.TryCharge(Bytes(50)));
  EXPECT_FALSE(gauge.HasRoomFor(Bytes(1)));
  gauge.Uncharge(Bytes(30));
  EXPECT_TRUE(gauge.HasRoomFor(Bytes(30)));
  gauge.SetTarget(119);
  EXPECT_TRUE(gauge.is_above_target());
  gauge.SetTarget(120);
  EXPECT_FALSE(gauge.is_above_target());
}

}  // namespace
}  // namespace spanheap
