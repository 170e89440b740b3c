// SPDX-License-Identifier: MIT
#include "pages/page_heap.h"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <random>
#include <utility>
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
      heap.ReleaseTables();
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
  options.is_overcommit_strict = [] { return true; };
  options.huge_page = 2_MiB;
  ASSERT_TRUE(Start(options));
  for (uint32_t seed = 1; seed <= 4; ++seed) Churn(*heap_, seed, 3000);
}

TEST_F(PageHeapTest, NothingIsLostWhenAnyCallOfTheSystemIsRefused) {
  for (const bool sparse : {false, true}) {
    for (uint64_t n = 1; n <= 40; ++n) {
      FakeMemory memory(FakeMemory::Backing::kKernel);
      PageHeap heap;
      PageHeapOptions options;
      options.sparse = sparse;
      ASSERT_TRUE(heap.Init(memory, options));
      memory.RefuseFrom(n);
      std::vector<PageRun> live;
      while (const PageRun run = heap.Allocate(Pages(700))) live.push_back(run);
      ASSERT_EQ(heap.Verify(), live.size() * 700);
      memory.RefuseFrom(0);
      const PageRun more = heap.Allocate(Pages(700));
      ASSERT_TRUE(more) << "call " << n;
      live.push_back(more);
      heap.FreeMany(live.data(), live.size());
      ASSERT_EQ(heap.Verify(), 0U);
    }
  }
}

TEST_F(PageHeapTest, ASingleRefusalIsOutlivedByTryingLess) {
  for (uint64_t n = 1; n <= 30; ++n) {
    FakeMemory memory(FakeMemory::Backing::kKernel);
    PageHeap heap;
    ASSERT_TRUE(heap.Init(memory, {}));
    memory.RefuseOnly(n);
    uint64_t used = 0;
    uint64_t failed = 0;
    for (int i = 0; i < 60; ++i) {
      if (heap.Allocate(Pages(512))) {
        used += 512;
      } else {
        ++failed;
      }
    }
    ASSERT_LE(failed, 1U);
    ASSERT_EQ(heap.Verify(), used);
  }
}

TEST_F(PageHeapTest, PagesThatTheSystemWillNotTakeBackStayBackedAndDirty) {
  ASSERT_TRUE(Start());
  const PageRun run = heap_->Allocate(Pages(512));
  heap_->Free(run.first, run.count);
  memory_.set_locked(true);
  EXPECT_EQ(heap_->ReleaseFree(Pages(1000), true), Pages(0));
  EXPECT_EQ(Stats().free_backed, kChunkSize.value);
  const PageRun again = heap_->Allocate(Pages(512));
  EXPECT_FALSE(again.zeroed);
  heap_->Free(again.first, again.count);
  memory_.set_locked(false);
  EXPECT_EQ(heap_->ReleaseFree(Pages(1000), true), Pages(512));
  EXPECT_EQ(Stats().released, kChunkSize.value);
  EXPECT_EQ(Stats().os_releases, 1U);
  EXPECT_TRUE(heap_->Allocate(Pages(512)).zeroed);
}

TEST_F(PageHeapTest, WhatIsAskedForGoesAtOnceAlsoWherePagesGoLazily) {
  ASSERT_TRUE(Start());
  heap_->SetLazyRelease(true);
  const PageRun run = heap_->Allocate(Pages(1024));
  heap_->Free(run.first, Pages(256));
  heap_->NextGeneration();
  heap_->NextGeneration();
  EXPECT_EQ(heap_->ReleaseFree(Pages(4096), false), Pages(256));
  EXPECT_EQ(memory_.calls().release_lazily, 1U);
  EXPECT_EQ(memory_.calls().release, 0U);
  heap_->Free(run.first + Pages(512), Pages(256));
  EXPECT_EQ(heap_->ReleaseUnits(Pages(4096), Urgency::kAtOnce) +
                heap_->ReleasePieces(Pages(4096), Urgency::kAtOnce),
            Pages(256));
  EXPECT_EQ(memory_.calls().release_lazily, 1U);
  EXPECT_EQ(memory_.calls().release, 1U);
}

// Table pages that speak of 8 MiB (span numbers) or 32 MiB (class bytes) of free pages, none of
// them backed, go back once.
TEST_F(PageHeapTest, TablesOfPagesThatWentGoToo) {
  ASSERT_TRUE(Start());
  const PageRun run = heap_->Allocate(Pages(20 * 512));  // chunk 0 is in front of it
  const PageTables& tables = heap_->tables();
  tables.span_of[run.first.value + 8000].StoreRelaxed(7);
  tables.span_of[run.first.value + 8000].StoreRelaxed(0);
  heap_->Free(run.first, run.count);
  EXPECT_FALSE(heap_->ReleaseTables());
  EXPECT_EQ(memory_.calls().release, 0U);  // the pages are backed: they may be used again soon
  ASSERT_EQ(heap_->ReleaseFree(Pages(1 << 20), true), run.count);
  const uint64_t before = memory_.calls().release;
  while (heap_->ReleaseTables()) {}
  // Both of a group of eight chunks, and span numbers of five pairs beside it: chunk 0 is no part
  // of the heap.
  EXPECT_EQ(memory_.calls().release - before, 2U + 5U);
  EXPECT_EQ(heap_->Verify(), 0U);
  EXPECT_EQ(Stats().released, Stats().grown);
  heap_->ReleaseTables();
  EXPECT_EQ(memory_.calls().release - before, 2U + 5U);
  const PageRun again = heap_->Allocate(run.count);
  EXPECT_EQ(again.first, run.first);
  EXPECT_TRUE(again.zeroed);
}

TEST_F(PageHeapTest, TablesStayWhereOnePageIsUsed) {
  ASSERT_TRUE(Start());
  const PageRun run = heap_->Allocate(Pages(16 * 512));
  const PageRun last{run.first + Pages(5000), Pages(1), Pages(0), false};
  heap_->Free(run.first, last.first - run.first);
  heap_->Free(last.end(), run.end() - last.end());
  heap_->ReleaseFree(Pages(1 << 20), true);
  const uint64_t before = memory_.calls().release;
  while (heap_->ReleaseTables()) {}
  // Of chunks 2 to 15 the span numbers, but for those of the pair around the page; no class bytes.
  EXPECT_EQ(memory_.calls().release - before, 6U);
  EXPECT_EQ(heap_->Verify(), 1U);
  heap_->Free(last.first, last.count);
  heap_->ReleaseFree(Pages(1 << 20), true);
  while (heap_->ReleaseTables()) {}
  EXPECT_EQ(memory_.calls().release - before, 6U + 1U + 2U);  // the page, then both of the group
  EXPECT_EQ(heap_->Verify(), 0U);
}

TEST_F(PageHeapTest, ReleaseTakesWholeHugePagesFirst) {
  PageHeapOptions options;
  options.huge_page = 2_MiB;
  ASSERT_TRUE(Start(options));
  const PageRun all = heap_->Allocate(Pages(1024));
  heap_->Free(all.first, Pages(600));               // two huge pages and 88 pages
  heap_->Free(all.first + Pages(800), Pages(100));  // higher, but a fragment
  EXPECT_EQ(heap_->ReleaseFree(Pages(10), true), Pages(256));
  EXPECT_TRUE(heap_->TryExtend(all.first + Pages(800), Pages(100)));
  EXPECT_EQ(heap_->ReadStats().released, BytesOf(Pages(256)).value);
  EXPECT_EQ(heap_->ReleaseFree(Pages(4096), true), Pages(600 - 256));
}

TEST_F(PageHeapTest, ExtendsIntoFreePagesAndIntoMemoryNotGrownYet) {
  ASSERT_TRUE(Start());
  const PageRun run = heap_->Allocate(Pages(100));
  EXPECT_EQ(heap_->TryExtend(run.end(), Pages(50)).first, run.end());
  const PageRun far = heap_->TryExtend(run.end() + Pages(50), Pages(2000));
  EXPECT_EQ(far.count, Pages(2000));
  EXPECT_TRUE(far.zeroed);
  EXPECT_FALSE(heap_->TryExtend(run.first, Pages(1)));
  heap_->Free(run.first, Pages(2150));
  EXPECT_EQ(heap_->Verify(), 0U);
}

TEST_F(PageHeapTest, DoesNotExtendAcrossAnotherBlock) {
  ASSERT_TRUE(Start());
  const PageRun low = heap_->Allocate(Pages(100));
  const PageRun high = heap_->Allocate(Pages(1));
  EXPECT_FALSE(heap_->TryExtend(low.end(), Pages(600)));
  heap_->Free(high.first, high.count);
  EXPECT_TRUE(heap_->TryExtend(low.end(), Pages(600)));
}

TEST_F(PageHeapTest, AlignedBlockOfAGibibyteCommitsOnlyItself) {
  ASSERT_TRUE(Start());
  const PageRun run = heap_->Allocate(Pages(3), Pages(1U << 17));
  ASSERT_TRUE(run);
  EXPECT_EQ(heap_->AddressOf(run.first).value % (1_GiB).value, 0U);
  EXPECT_LE(Stats().grown, (8_MiB).value);
}

// Blocks of one alignment that are replaced at random, beside others that are not aligned: holes of
// the aligned ones serve the next of them.
void ReplaceAlignedBlocks(PageHeap& heap, Pages n, Pages alignment) {
  std::mt19937 random(5);
  std::vector<PageRun> live;
  for (int i = 0; i < 40; ++i) live.push_back(heap.Allocate(n, alignment));
  const uint64_t grown = heap.grown_bytes();
  for (int i = 0; i < 2000; ++i) {
    const PageRun gone = std::exchange(live[random() % live.size()], live.back());
    live.pop_back();
    heap.Free(gone.first, gone.count);
    if (random() % 8 == 0) {
      const PageRun other = heap.Allocate(Pages(1 + random() % n.value));
      heap.Free(other.first, other.count);
    }
    live.push_back(heap.Allocate(n, alignment));
    ASSERT_EQ(heap.AddressOf(live.back().first).value % BytesOf(alignment).value, 0U);
  }
  EXPECT_EQ(heap.grown_bytes(), grown) << n.value << " pages at " << alignment.value;
  heap.FreeMany(live.data(), live.size());
  EXPECT_EQ(heap.Verify(), 0U);
}

TEST_F(PageHeapTest, AlignedBlocksThatAreReplacedDoNotMakeTheHeapGrow) {
  constexpr Pages kShapes[][2] = {{Pages(256), Pages(256)},
                                  {Pages(37), Pages(8)},
                                  {Pages(100), Pages(128)},
                                  {Pages(600), Pages(512)}};
  for (const bool sparse : {false, true}) {
    for (const auto& [n, alignment] : kShapes) {
      PageHeapOptions options;
      options.sparse = sparse;
      ASSERT_TRUE(Start(options));
      ReplaceAlignedBlocks(*heap_, n, alignment);
    }
  }
}

// More chunks with holes that are not aligned than are searched: what is behind them serves.
TEST_F(PageHeapTest, ManyHolesThatAreNotAlignedDoNotKeepAnAlignedRequestFromItsPages) {
  ASSERT_TRUE(Start());
  const PageRun all = heap_->Allocate(Pages(300 * 512));
  for (PageIndex p = all.first; p + Pages(512) <= all.end(); p += Pages(512)) {
    heap_->Free(p + Pages(1), Pages(255));
  }
  const uint64_t grown = heap_->grown_bytes();
  heap_->Free(all.end() - Pages(512), Pages(1));
  heap_->Free(all.end() - Pages(256), Pages(256));
  const PageRun run = heap_->Allocate(Pages(200), Pages(256));
  ASSERT_TRUE(run);
  EXPECT_EQ(heap_->AddressOf(run.first).value % BytesOf(Pages(256)).value, 0U);
  EXPECT_EQ(heap_->grown_bytes(), grown);
}

TEST_F(PageHeapTest, RunsOfSeveralArenasAreAlignedByTheirAddresses) {
  PageHeapOptions options;
  options.limits.address_space = 512_MiB;
  ASSERT_TRUE(Start(options));
  std::vector<PageRun> live;
  const auto take = [&](Pages n, Pages alignment) {
    live.push_back(heap_->Allocate(n, alignment));
    ASSERT_TRUE(live.back());
    EXPECT_EQ(heap_->AddressOf(live.back().first).value % BytesOf(alignment).value, 0U);
  };
  while (heap_->is_linear()) take(Pages(511), Pages(1));
  for (uint32_t alignment = 2; alignment <= 8192; alignment *= 2) take(Pages(3), Pages(alignment));
  const PageRun gone = live.back();
  live.pop_back();
  heap_->Free(gone.first, gone.count);
  take(Pages(3), Pages(8192));
  heap_->FreeMany(live.data(), live.size());
  EXPECT_EQ(heap_->Verify(), 0U);
}

TEST_F(PageHeapTest, CachePagesAreCountedAndComeBackOnFlush) {
  ASSERT_TRUE(Start());
  PageCache cache;
  const PageRun run = heap_->AllocateFrom(cache, Pages(2));  // grows: the cache is still empty
  const PageRun second = heap_->AllocateFrom(cache, Pages(2));
  ASSERT_TRUE(run && second);
  EXPECT_EQ(Stats().cached, BytesOf(Pages(60)).value);
  EXPECT_EQ(Stats().used, BytesOf(Pages(4)).value);
  EXPECT_EQ(heap_->Verify(), 4U);
  heap_->FreeTo(cache, second.first, second.count);
  EXPECT_EQ(Stats().cached, BytesOf(Pages(62)).value);
  heap_->Flush(cache);
  EXPECT_EQ(Stats().cached, 0U);
  EXPECT_EQ(heap_->Verify(), 2U);
}

TEST_F(PageHeapTest, StrictOvercommitGetsItsChargeBack) {
  PageHeapOptions options;
  options.is_overcommit_strict = [] { return true; };
  ASSERT_TRUE(Start(options));
  const PageRun run = heap_->Allocate(Pages(2048));
  const Bytes ready = memory_.ready_bytes();
  heap_->Free(run.first, run.count);
  EXPECT_EQ(heap_->ReleaseFree(Pages(4096), true), Pages(2048));
  EXPECT_EQ(memory_.ready_bytes(), ready - 16_MiB);
  EXPECT_EQ(Stats().grown, 0U);
  EXPECT_FALSE(heap_->Contains(heap_->AddressOf(run.first)));
  EXPECT_TRUE(heap_->Allocate(Pages(2048)).zeroed);
}

TEST_F(PageHeapTest, ASmallHeapDoesNotAskForTheOvercommitPolicy) {
  static int asked = 0;
  asked = 0;
  PageHeapOptions options;
  options.is_overcommit_strict = [] { return ++asked < 0; };
  ASSERT_TRUE(Start(options));
  const PageRun run = heap_->Allocate(Pages(1024));
  heap_->Free(run.first, run.count);
  heap_->ReleaseFree(Pages(4096), true);
  EXPECT_EQ(asked, 0);
  heap_->Allocate(Pages(8192));
  heap_->ReleaseFree(Pages(4096), true);
  heap_->ReleaseFree(Pages(4096), true);
  EXPECT_EQ(asked, 1);
}

// All that the kernel will commit can be had, no more; what was given back can be had by others
// meanwhile, and again.
TEST_F(PageHeapTest, StrictOvercommitIsUsedUpAndServesOthersMeanwhile) {
  PageHeapOptions options;
  options.is_overcommit_strict = [] { return true; };
  memory_.set_commit_limit(64_MiB);
  ASSERT_TRUE(Start(options));
  std::vector<PageRun> live;
  const auto use_up = [&] {
    while (const PageRun run = heap_->Allocate(Pages(100))) live.push_back(run);
    return live.size();
  };
  const size_t most = use_up();
  EXPECT_GE(most * 100 * kPageSize.value, (48_MiB).value);
  EXPECT_EQ(heap_->Verify(), most * 100);
  heap_->FreeMany(live.data(), live.size());
  live.clear();
  heap_->ReleaseFree(Pages(1 << 20), true);
  memory_.set_commit_limit(40_MiB);  // somebody else has the rest
  const size_t fewer = use_up();
  EXPECT_GE(fewer * 100 * kPageSize.value, (24_MiB).value);
  EXPECT_LT(fewer, most);
  EXPECT_EQ(heap_->Verify(), fewer * 100);
  memory_.set_commit_limit(64_MiB);
  EXPECT_GE(use_up() + 8, most);
  EXPECT_EQ(heap_->Verify(), live.size() * 100);
}

// Pages of the heap that a process with so much address space gets; in a child of its own.
uint64_t PagesUnderLimit(Bytes address_space) {
  int channel[2];
  if (pipe(channel) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{address_space.value, address_space.value};
    uint64_t pages = 0;
    PageHeapOptions options;
    if (setrlimit(RLIMIT_AS, &limit) == 0) options.limits = os::ReadMemoryLimits();
    static PageHeap heap;
    if (heap.Init(os::TheMemory(), options)) {
      while (const PageRun run = heap.Allocate(Pages(8))) {
        *PointerTo<char>(heap.AddressOf(run.first)) = 1;
        pages += 8;
      }
      if (heap.Verify() != pages) pages = 0;
    }
    const bool sent = write(channel[1], &pages, sizeof pages) == sizeof pages;
    _exit(sent ? 0 : 1);
  }
  uint64_t pages = 0;
  int status = 0;
  if (read(channel[0], &pages, sizeof pages) != sizeof pages) pages = 0;
  waitpid(child, &status, 0);
  close(channel[0]);
  close(channel[1]);
  return pages;
}

TEST_F(PageHeapTest, MostOfALimitedAddressSpaceIsUsable) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's shadow is larger than the limit";
#endif
  EXPECT_GE(PagesUnderLimit(256_MiB) * kPageSize.value, (200_MiB).value);
  EXPECT_GE(PagesUnderLimit(64_MiB) * kPageSize.value, (30_MiB).value);
}

TEST_F(PageHeapTest, TenGigabytesTakeFewMappings) {
  ASSERT_TRUE(Start());
  const size_t before = memory_.range_count();
  for (int i = 0; i < 2560; ++i) ASSERT_TRUE(heap_->Allocate(Pages(512)));
  EXPECT_LE(memory_.range_count(), before + 12);
}

TEST_F(PageHeapTest, ChildOfAForkMayLockAgain) {
  ASSERT_TRUE(Start());
  heap_->ResetInChild();
  EXPECT_TRUE(heap_->Allocate(Pages(1)));
}

using PageHeapDeathTest = PageHeapTest;

TEST_F(PageHeapDeathTest, FreeingFreePagesIsFatal) {
  ASSERT_TRUE(Start());
  const PageRun run = heap_->Allocate(Pages(10));
  heap_->Free(run.first, Pages(5));
  EXPECT_DEATH(heap_->Free(run.first, Pages(1)), "free");
  EXPECT_DEATH(heap_->Free(run.first + Pages(4), Pages(2)), "free");
  EXPECT_DEATH(heap_->Free(run.first + Pages(100'000), Pages(1)), "free");
}

}  // namespace
}  // namespace spanheap
