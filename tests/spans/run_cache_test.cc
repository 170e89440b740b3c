// SPDX-License-Identifier: MIT
//
// RunCache against one vector per class, and what becomes of kept runs when pages are short.
#include "spans/run_cache.h"

#include <gtest/gtest.h>

#include <vector>

#include "models/script_random.h"
#include "span_fixture.h"

namespace spanheap {
namespace {

constexpr size_t kDepth = 64;
constexpr uint64_t kMaxBytes = uint64_t{256} << 20;

// What a RunCache should do.
class RunCacheModel {
 public:
  bool Keep(unsigned c, PageIndex first) {
    if (runs_[c].size() == kDepth || bytes_ + BlockBytes(c) > kMaxBytes) return false;
    runs_[c].push_back(first);
    bytes_ += BlockBytes(c);
    return true;
  }
  PageRun Take(unsigned c) {
    if (runs_[c].empty()) return {};
    const PageRun run{runs_[c].back(), RunPages(c), Pages(0), false};
    runs_[c].pop_back();
    bytes_ -= BlockBytes(c);
    return run;
  }
  uint64_t bytes() const { return bytes_; }

 private:
  std::vector<PageIndex> runs_[kMallocClassCount];
  uint64_t bytes_ = 0;
};

TEST(RunCacheTest, BehavesAsAVectorPerClassOverARandomScript) {
  ScriptRandom random(1);
  RunCache cache;
  RunCacheModel model;
  uint64_t refused = 0;
  for (uint32_t step = 0; step < 200'000; ++step) {
    const auto c = static_cast<unsigned>(kFirstRunClass + random.Below(kRunClasses));
    // Swings: some stretches keep more, some take more.
    if (random.Below(10) < (step / 1000 % 2 == 0 ? 7U : 3U)) {
      const bool kept = cache.Keep(c, PageIndex(step));
      refused += kept ? 0 : 1;
      ASSERT_EQ(kept, model.Keep(c, PageIndex(step))) << "step " << step;
    } else {
      const PageRun run = cache.Take(c);
      const PageRun expected = model.Take(c);
      ASSERT_EQ(run.count, expected.count) << "step " << step;
      ASSERT_EQ(run.first, expected.first) << "step " << step;
      ASSERT_FALSE(run.zeroed);
    }
    ASSERT_EQ(cache.bytes(), model.bytes()) << "step " << step;
  }
  EXPECT_GT(refused, 100U);
}

TEST(RunCacheTest, KeepsAtMost32OfAClassAnd256MiBInAll) {
  RunCache cache;
  for (uint32_t i = 0; i < kDepth; ++i) EXPECT_TRUE(cache.Keep(kFirstRunClass, PageIndex(i)));
  EXPECT_FALSE(cache.Keep(kFirstRunClass, PageIndex(99)));
  const unsigned largest = kMallocClassCount - 1;
  for (uint32_t i = 0; i < 7; ++i) EXPECT_TRUE(cache.Keep(largest, PageIndex(100 + i)));
  EXPECT_FALSE(cache.Keep(largest, PageIndex(107)));  // 1.25 MiB lie there already
  EXPECT_EQ(cache.bytes(), kDepth * BlockBytes(kFirstRunClass) + 7 * kMaxRunBytes);
}

TEST(RunCacheTest, DrainGivesEveryRunToThePageHeap) {
  SpanFixture fixture;
  RunCache cache;
  EXPECT_FALSE(cache.Drain(fixture.pages()));
  uint64_t kept = 0;
  for (unsigned c = kFirstRunClass; c < kFirstRunClass + 24; ++c) {
    for (unsigned i = 0; i < 1 + c % 3; ++i) {
      const PageRun run = fixture.pages().Allocate(RunPages(c));
      ASSERT_EQ(run.count, RunPages(c));
      ASSERT_TRUE(cache.Keep(c, run.first));
      kept += BlockBytes(c);
    }
  }
  EXPECT_EQ(cache.bytes(), kept);
  EXPECT_EQ(fixture.pages().ReadStats().used, kept);
  EXPECT_TRUE(cache.Drain(fixture.pages()));
  EXPECT_EQ(cache.bytes(), 0U);
  EXPECT_EQ(fixture.pages().ReadStats().used, 0U);
  EXPECT_FALSE(cache.Drain(fixture.pages()));
  fixture.ExpectEmpty();
}

TEST(RunCacheTest, AFreedRunServesTheNextRequestOfItsClass) {
  SpanFixture fixture;
  PageCache pages;
  bool zeroed = false;
  const unsigned c = kFirstRunClass + 5;
  void* const first = fixture.spans().AllocateRun(c, Pages(1), pages, zeroed);
  fixture.spans().FreeRun(c, first, pages, "test");
  EXPECT_EQ(fixture.spans().kept_run_bytes(), BlockBytes(c));
  zeroed = true;
  EXPECT_EQ(fixture.spans().AllocateRun(c, Pages(1), pages, zeroed), first);
  EXPECT_FALSE(zeroed);
  EXPECT_EQ(fixture.spans().kept_run_bytes(), 0U);
  fixture.spans().FreeRun(c, first, pages, "test");
  EXPECT_DEATH(fixture.spans().FreeRun(c, first, pages, "test"), "double free");
  fixture.pages().Flush(pages);
  fixture.ExpectEmpty();
}

TEST(RunCacheTest, AnAlignedRequestTakesAKeptRunThatIsAlignedAndLeavesTheOthers) {
  SpanFixture fixture;
  PageCache pages;
  bool zeroed = false;
  const unsigned c = MallocClassFor(2 << 20);
  const Pages aligned(256);
  void* const first = fixture.spans().AllocateRun(c, aligned, pages, zeroed);
  void* const between = fixture.spans().AllocateRun(kFirstRunClass, Pages(1), pages, zeroed);
  void* const second = fixture.spans().AllocateRun(c, Pages(1), pages, zeroed);
  ASSERT_NE(AddressOf(second).value % BytesOf(aligned).value, 0U);
  fixture.spans().FreeRun(c, first, pages, "test");
  fixture.spans().FreeRun(c, second, pages, "test");
  const uint64_t kept = fixture.spans().kept_run_bytes();
  EXPECT_EQ(fixture.spans().AllocateRun(c, aligned, pages, zeroed), first);
  EXPECT_EQ(fixture.spans().kept_run_bytes(), kept - BlockBytes(c));
  void* const other = fixture.spans().AllocateRun(c, aligned, pages, zeroed);
  EXPECT_EQ(AddressOf(other).value % BytesOf(aligned).value, 0U);
  EXPECT_EQ(fixture.spans().kept_run_bytes(), kept - BlockBytes(c));
  EXPECT_EQ(fixture.spans().AllocateRun(c, Pages(1), pages, zeroed), second);
  for (void* run : {first, second, other}) fixture.spans().FreeRun(c, run, pages, "test");
  fixture.spans().FreeRun(kFirstRunClass, between, pages, "test");
  fixture.pages().Flush(pages);
  fixture.ExpectEmpty();
}

TEST(RunCacheTest, ThePageHeapAsksForKeptRunsBeforeItAsksTheSystem) {
  SpanFixture fixture;
  PageCache pages;
  bool zeroed = false;
  const unsigned large = MallocClassFor(8 << 20);
  std::vector<void*> runs;
  fixture.memory().RefuseFrom(20);  // the heap ends somewhere
  while (void* run = fixture.spans().AllocateRun(large, Pages(1), pages, zeroed)) {
    runs.push_back(run);
    if (runs.size() == 30) break;
  }
  fixture.memory().RefuseFrom(1);
  const size_t count = runs.size();
  ASSERT_GE(count, 2U);
  for (void* run : runs) fixture.spans().FreeRun(large, run, pages, "test");
  EXPECT_EQ(fixture.spans().kept_run_bytes(), count * BlockBytes(large));
  // Smaller runs have room only where the kept ones lie.
  const unsigned small = MallocClassFor(1 << 20);
  std::vector<void*> others;
  for (size_t i = 0; i < count * 8; ++i) {
    others.push_back(fixture.spans().AllocateRun(small, Pages(1), pages, zeroed));
    ASSERT_NE(others.back(), nullptr) << i << " of " << count * 8;
  }
  EXPECT_EQ(fixture.spans().kept_run_bytes(), 0U);
  for (void* run : others) fixture.spans().FreeRun(small, run, pages, "test");
  fixture.pages().Flush(pages);
  fixture.ExpectEmpty();
}

}  // namespace
}  // namespace spanheap
