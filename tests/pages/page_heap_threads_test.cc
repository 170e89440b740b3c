// SPDX-License-Identifier: MIT
//
// Threads on one PageHeap: each marks the pages it holds, so two holders of a page would notice.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "os/fake_memory.h"
#include "os/futex.h"
#include "os/memory.h"
#include "pages/page_heap.h"

namespace spanheap {
namespace {

class Worker {
 public:
  Worker(PageHeap& heap, uint32_t seed) : heap_(heap), random_(seed), mark_(seed) {}

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) Step();
    while (!live_.empty()) GiveBack(live_.size() - 1);
    heap_.Flush(cache_);
  }
  uint64_t clashes() const { return clashes_; }

 private:
  void Step() {
    const unsigned long what = random_() % 32;
    if (what == 0) {
      heap_.ReleaseFree(Pages(static_cast<uint32_t>(random_() % 300)), random_() % 2 == 0);
      heap_.ReleaseTables();
    } else if (what == 1) {
      heap_.NextGeneration();
      heap_.ReadStats();
    } else if (what == 2) {
      heap_.Flush(cache_);
    } else if (what < 9) {
      Hold(heap_.Allocate(Pages(1 + static_cast<uint32_t>(random_() % 200)),
                          Pages(1U << (random_() % 6))));
    } else if (what < 18) {
      Hold(heap_.AllocateFrom(cache_, Pages(1 + static_cast<uint32_t>(random_() % 12))));
    } else if (what == 18 && !live_.empty()) {
      Hold(heap_.TryExtend(live_.back().end(), Pages(3)));
    } else if (!live_.empty()) {
      GiveBack(random_() % live_.size());
    }
  }

  uint64_t& WordOf(PageIndex p) { return *PointerTo<uint64_t>(heap_.AddressOf(p)); }

  void Hold(const PageRun& run) {
    if (!run) return;
    for (PageIndex p = run.first; p < run.end(); ++p) {
      if (run.zeroed && WordOf(p) != 0) ++clashes_;
      WordOf(p) = mark_ << 32 | p.value;
    }
    live_.push_back(run);
  }

  void GiveBack(size_t at) {
    const PageRun run = live_[at];
    live_[at] = live_.back();
    live_.pop_back();
    for (PageIndex p = run.first; p < run.end(); ++p) {
      if (WordOf(p) != (mark_ << 32 | p.value)) ++clashes_;
    }
    if (random_() % 4 == 0) {
      heap_.FreeMany(&run, 1);
    } else {
      heap_.FreeTo(cache_, run.first, run.count);
    }
  }

  PageHeap& heap_;
  std::mt19937_64 random_;
  uint64_t mark_;
  PageCache cache_;
  std::vector<PageRun> live_;
  uint64_t clashes_ = 0;
};

void Hammer(PageHeapOptions options) {
  PageHeap heap;
  options.huge_page = 2_MiB;
  ASSERT_TRUE(heap.Init(os::TheMemory(), options));
  std::vector<std::unique_ptr<Worker>> workers;
  for (uint32_t i = 1; i <= 4; ++i) workers.push_back(std::make_unique<Worker>(heap, i));
  std::vector<std::thread> threads;
  for (const auto& worker : workers) threads.emplace_back([&worker] { worker->Run(4000); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& worker : workers) EXPECT_EQ(worker->clashes(), 0U);
  EXPECT_EQ(heap.Verify(), 0U);
  const PageHeapStats stats = heap.ReadStats();
  EXPECT_EQ(stats.used + stats.cached, 0U);
  EXPECT_EQ(stats.grown, stats.free_backed + stats.released);
}

TEST(PageHeapThreadsTest, NoPageHasTwoHolders) { Hammer({}); }

TEST(PageHeapThreadsTest, NoPageHasTwoHoldersInSparseMode) {
  PageHeapOptions options;
  options.sparse = true;
  Hammer(options);
}

TEST(PageHeapThreadsTest, NoPageHasTwoHoldersUnderStrictOvercommit) {
  PageHeapOptions options;
  options.is_overcommit_strict = [] { return true; };
  Hammer(options);
}

// A new heap has room for eight caches when it has grown for the first time.
void StartTogether(int threads) {
  os::FakeMemory memory(os::FakeMemory::Backing::kKernel);
  PageHeap heap;
  PageHeapOptions options;
  options.reserve = 256_MiB;
  ASSERT_TRUE(heap.Init(memory, options));
  Atomic<int> waiting(threads);
  Atomic<int> refused;
  std::vector<std::thread> all;
  std::vector<PageCache> caches(static_cast<size_t>(threads));
  for (PageCache& cache : caches) {
    all.emplace_back([&] {
      waiting.FetchSub(1);
      while (waiting.LoadAcquire() != 0) os::SpinHint();
      if (!heap.AllocateFrom(cache, Pages(1))) refused.FetchAdd(1);
    });
  }
  for (std::thread& thread : all) thread.join();
  EXPECT_EQ(refused.LoadAcquire(), 0);
  for (PageCache& cache : caches) heap.Flush(cache);
}

TEST(PageHeapThreadsTest, WhoGrowsTheHeapGetsPagesThoughOthersTakeAllThatHasGrown) {
  for (int round = 0; round < 60 && !HasFailure(); ++round) StartTogether(12);
}

long TimesThisThreadSlept() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// How often this thread slept while all pages of the heap were on their way back for 300 ms.
long SleepsUntilPagesAreThere() {
  os::FakeMemory memory(os::FakeMemory::Backing::kKernel);
  PageHeap heap;
  EXPECT_TRUE(heap.Init(memory, {}));
  const PageRun all = heap.Allocate(kChunkPages);
  heap.Free(all.first, all.count);
  memory.set_release_ns(300'000'000);
  std::thread giver([&] { heap.ReleaseFree(all.count, true); });
  while (const PageRun still_there = heap.TryExtend(all.first, Pages(1))) {
    heap.Free(still_there.first, still_there.count);
    os::YieldThread();
  }
  memory.RefuseFrom(1);
  const long before = TimesThisThreadSlept();
  EXPECT_TRUE(heap.Allocate(all.count));
  const long sleeps = TimesThisThreadSlept() - before;
  giver.join();
  return sleeps;
}

// Under a real-time policy a thread that only yields keeps the processor from the one that gives
// the pages back. On a busy machine they may be there before this thread runs again.
TEST(PageHeapThreadsTest, WhoWaitsForPagesOnTheirWayBackToTheSystemSleepsNowAndThen) {
  long sleeps = 0;
  for (int attempt = 0; attempt < 10 && sleeps < 20; ++attempt) sleeps = SleepsUntilPagesAreThere();
  EXPECT_GE(sleeps, 20);
}

}  // namespace
}  // namespace spanheap
