// SPDX-License-Identifier: MIT
#include "pages/page_heap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "os/fake_memory.h"

namespace spanheap {
namespace {

using os::FakeMemory;

class PageHeapTest : public testing::Test {
 protected:
  bool Start(PageHeapOptions options = {}) {
    heap_ = std::make_unique<PageHeap>();
    return heap_->Init(memory_, options);
  }
  PageHeapStats Stats() const { return heap_->ReadStats(); }

  FakeMemory memory_{FakeMemory::Backing::kKernel};
  std::unique_ptr<PageHeap> heap_;
};

TEST_F(PageHeapTest, GrowsByFourMebibytesAtFirst) {
  ASSERT_TRUE(Start());
  const PageRun run = heap_->Allocate(Pages(1));
  ASSERT_TRUE(run);
  EXPECT_TRUE(run.zeroed);
  EXPECT_EQ(run.scavenged, Pages(1));
  EXPECT_EQ(Stats().grown, kChunkSize.value);
  EXPECT_EQ(Stats().used, kPageSize.value);
  EXPECT_EQ(heap_->Verify(), 1U);
  std::memset(PointerTo(heap_->AddressOf(run.first)), 1, kPageSize.value);
  heap_->Free(run.first, run.count);
  EXPECT_EQ(heap_->Verify(), 0U);
}

// Runs a random mix of everything and checks that no page is handed out twice.
void Churn(PageHeap& heap, uint32_t seed, int steps) {
  std::mt19937 random(seed);
  std::vector<PageRun> live;
  PageCache cache;
  uint64_t used = 0;
  const auto take = [&](PageRun run) {
    if (!run) return;
    const Address start = heap.AddressOf(run.first);
    ASSERT_EQ(heap.IndexOf(start), run.first);
    ASSERT_TRUE(heap.Contains(start));
    auto* words = PointerTo<uint64_t>(start);
    if (run.zeroed) {
      ASSERT_EQ(words[0], 0U);
    }
    words[0] = run.first.value;
    words[BytesOf(run.count).value / 8 - 1] = run.first.value;
    live.push_back(run);
    used += run.count.value;
  };
  for (int i = 0; i < steps; ++i) {
    const uint32_t what = random() % 16;
    if (what < 4) {
      take(heap.AllocateFrom(cache, Pages(1 + random() % 16)));
    } else if (what < 7) {
      take(heap.Allocate(Pages(1 + random() % (random() % 8 == 0 ? 1500 : 40))));
    } else if (what == 7) {
      const Pages alignment(1U << (random() % 11));
      const PageRun run = heap.Allocate(Pages(1 + random() % 64), alignment);
      if (run) {
        ASSERT_EQ(heap.AddressOf(run.first).value % BytesOf(alignment).value, 0U);
      }
      take(run);
    } else if (what == 8) {
      heap.Flush(cache);
    } else if (what == 9) {
      if (random() % 4 == 0) heap.NextGeneration();
      heap.ReleaseFree(Pages(random() % 2000), random() % 2 == 0);
    } else if (!live.empty()) {
      const size_t at = random() % live.size();
      PageRun run = live[at];
      auto* words = PointerTo<uint64_t>(heap.AddressOf(run.first));
      ASSERT_EQ(words[0], run.first.value);
      ASSERT_EQ(words[BytesOf(run.count).value / 8 - 1], run.first.value);
      if (what == 10) {
        const PageRun more = heap.TryExtend(run.end(), Pages(1 + random() % 600));
        if (more) {
          ASSERT_EQ(more.first, run.end());
          used += more.count.value;
          run.count += more.count;
          words[BytesOf(run.count).value / 8 - 1] = run.first.value;
          live[at] = run;
        }
        continue;
      }
      live[at] = live.back();
      live.pop_back();
      used -= run.count.value;
      heap.FreeTo(cache, run.first, run.count);
    }
    if (i % 64 == 0) {
      ASSERT_EQ(heap.Verify(), used);
      const PageHeapStats stats = heap.ReadStats();
      ASSERT_EQ(stats.used, used * kPageSize.value);
    }
  }
  heap.FreeMany(live.data(), live.size());
  heap.Flush(cache);
  ASSERT_EQ(heap.Verify(), 0U);
}

TEST_F(PageHeapTest, HandsOutNoPageTwice) {
  ASSERT_TRUE(Start());
  for (uint32_t seed = 1; seed <= 4; ++seed) Churn(*heap_, seed, 3000);
}

TEST_F(PageHeapTest, HandsOutNoPageTwiceInSparseMode) {
  PageHeapOptions options;
  options.sparse = true;
  ASSERT_TRUE(Start(options));
  for (uint32_t seed = 1; seed <= 4; ++seed) Churn(*heap_, seed, 3000);
}

TEST_F(PageHeapTest, HandsOutNoPageTwiceUnderStrictOvercommit) {
  PageHeapOptions options;
  options.limits.strict_overcommit = true;
  options.huge_page = 2_MiB;
  ASSERT_TRUE(Start(options));
  for (uint32_t seed = 1; seed <= 4; ++seed) Churn(*heap_, seed, 3000);
}

}  // namespace
}  // namespace spanheap
