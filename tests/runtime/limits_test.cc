// SPDX-License-Identifier: MIT
//
// The soft and the hard limit of the process's heap: what is refused, what is given back, what the
// program's callback may do.
#include "runtime/limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "os/limits.h"
#include "runtime/heap_fixture.h"
#include "runtime/runtime.h"
#include "runtime/sleepers.h"

namespace spanheap {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class LimitsTest : public HeapFixture {
 protected:
  void TearDown() override {
    heap::SetOption("hardlimit", "off");
    heap::SetOption("memlimit", "off");
    heap::SetLimitCallback(nullptr, nullptr);
    for (void* p : blocks_) heap::Free(p, "free");
    HeapFixture::TearDown();
    const HeapReport report = Report();
    EXPECT_EQ(runtime.pages.gauge().counted(), report.mapped_bytes - report.released_bytes);
  }
  static uint64_t Counted() { return runtime.pages.gauge().counted(); }
  static void SetLimit(const char* name, uint64_t bytes) {
    ASSERT_TRUE(heap::SetOption(name, std::to_string(bytes).c_str()));
  }
  // Allocates until it fails or so many bytes are there; returns what was got.
  size_t Take(size_t size, size_t bytes) {
    size_t got = 0;
    while (got < bytes) {
      void* p = heap::Allocate(size);
      if (p == nullptr) break;
      Fill(p, size, 1);
      blocks_.push_back(p);
      got += size;
    }
    return got;
  }
  void Drop(size_t count) {
    for (; count > 0 && !blocks_.empty(); --count) {
      heap::Free(blocks_.back(), "free");
      blocks_.pop_back();
    }
  }

  std::vector<void*> blocks_;
};

TEST_F(LimitsTest, TheHardLimitRefusesEverySizeAndTheHeapGoesOn) {
  heap::Trim(0);
  for (const size_t size : {size_t{100}, size_t{3000}, size_t{50000}, 3 * kMiB, 40 * kMiB}) {
    SetLimit("hardlimit", Counted() + 90 * kMiB);
    testing::internal::CaptureStderr();
    const size_t got = Take(size, 500 * kMiB);
    EXPECT_EQ(heap::Allocate(60 * kMiB), nullptr);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("hardlimit: refused an allocation of "), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), said.size() - 1) << "one line: " << said;
    // What counted before may have gone back meanwhile, and made room.
    EXPECT_LT(got, runtime.pages.gauge().ceiling()) << size;
    EXPECT_GE(got, size == 40 * kMiB ? 80 * kMiB : 75 * kMiB) << size;
    EXPECT_LE(Counted(), runtime.pages.gauge().ceiling() + kMiB);
    Drop(blocks_.size() / 2);
    EXPECT_GT(Take(size, 30 * kMiB), 25 * kMiB) << "what was freed serves again";
    Drop(blocks_.size());
    void* whole = heap::Allocate(70 * kMiB);
    EXPECT_NE(whole, nullptr) << "small blocks' pages became room for a large one";
    heap::Free(whole, "free");
    heap::SetOption("hardlimit", "off");
  }
}

#if !defined(__SANITIZE_THREAD__)  // nobody is trimmed there: runtime/idle_caches.cc
TEST_F(LimitsTest, WhatSleepingThreadsKeepIsFoundBeforeAnAllocationIsRefused) {
  // Each leaves a span of its own, all of whose slots are free, in its caches.
  const Sleepers sleepers(64, [] {
    void* blocks[500];
    for (size_t i = 0; i < 500; ++i) blocks[i] = heap::Allocate(100 + i % 10 * 200);
    for (void* p : blocks) heap::Free(p, "free");
  });
  heap::FlushThreadCache();
  const uint64_t kept = Report().thread_cache_bytes;
  if (kept < 8 * kMiB) GTEST_SKIP() << "every free goes back at once: " << kept;
  SetLimit("hardlimit", Counted());
  EXPECT_GE(Take(50'000, 200 * kMiB), kept / 2);
}
#endif

TEST_F(LimitsTest, ReallocThatWouldPassTheHardLimitLeavesTheBlock) {
  heap::Trim(0);
  SetLimit("hardlimit", Counted() + 100 * kMiB);
  void* p = heap::Allocate(60 * kMiB);
  ASSERT_NE(p, nullptr);
  Fill(p, 60 * kMiB, 7);
  EXPECT_EQ(heap::Reallocate(p, 200 * kMiB, "realloc"), nullptr);
  EXPECT_TRUE(IsFilled(p, 60 * kMiB, 7));
  void* grown = heap::Reallocate(p, 90 * kMiB, "realloc");
  EXPECT_NE(grown, nullptr) << "in place there is room";
  blocks_.push_back(grown);
}

struct Helper {
  std::vector<void*> spare;
  int calls = 0;
  size_t wanted = 0;
  bool refused_inside = false;
};

int FreeOne(size_t wanted, size_t counted, size_t limit, void* context) {
  auto& helper = *static_cast<Helper*>(context);
  ++helper.calls;
  helper.wanted = wanted;
  EXPECT_LE(counted, limit);
  void* inside = heap::Allocate(500 * kMiB);  // refused, and does not come here again
  helper.refused_inside = inside == nullptr;
  if (helper.spare.empty()) return 0;
  heap::Free(helper.spare.back(), "free");
  helper.spare.pop_back();
  return 1;
}

TEST_F(LimitsTest, TheCallbackMayFreeMemoryAndHaveItTriedAgain) {
  heap::Trim(0);
  Helper helper;
  SetLimit("hardlimit", Counted() + 120 * kMiB);
  for (int i = 0; i < 2; ++i) helper.spare.push_back(heap::Allocate(50 * kMiB));
  ASSERT_NE(helper.spare.back(), nullptr);
  ASSERT_TRUE(heap::SetLimitCallback(FreeOne, &helper));
  void* p = heap::Allocate(100 * kMiB);
  EXPECT_NE(p, nullptr);
  EXPECT_EQ(helper.calls, 2);
  EXPECT_EQ(helper.wanted, 100 * kMiB);
  EXPECT_TRUE(helper.refused_inside);
  EXPECT_EQ(heap::Allocate(100 * kMiB), nullptr);
  EXPECT_EQ(helper.calls, 3);
  heap::Free(p, "free");
}

// What goes by if caches and free memory are thrown away.
struct Kept {
  uint64_t released;
  uint64_t cached;
  bool operator==(const Kept&) const = default;
};

class KeptTest : public LimitsTest {
 protected:
  // Free memory of all kinds.
  void MakeFree() {
    for (const size_t size : {size_t{100}, size_t{50'000}, 3 * kMiB}) Take(size, 30 * kMiB);
    Drop(blocks_.size());
  }
  static Kept WhatIsKept() {
    const HeapReport report = Report();
    return {report.released_limit_bytes, report.thread_cache_bytes};
  }
};

TEST_F(KeptTest, NothingIsGivenBackForWhatTheMachineCannotHold) {
  constexpr size_t kMuch = size_t{1} << 46;
  if (!os::IsObviousOvercommit(Bytes(kMuch))) GTEST_SKIP() << "the kernel would try";
  MakeFree();
  blocks_.push_back(heap::Allocate(100'000));
  const Kept before = WhatIsKept();
  EXPECT_EQ(heap::Allocate(kMuch), nullptr);
  EXPECT_EQ(heap::AllocateAligned(1 << 21, kMuch), nullptr);
  EXPECT_EQ(heap::Reallocate(blocks_.back(), kMuch, "realloc"), nullptr);
  EXPECT_EQ(WhatIsKept(), before);
}

TEST_F(KeptTest, NothingIsGivenBackForWhatIsLargerThanTheHardLimitButItIsSaid) {
  MakeFree();
  Helper helper;
  SetLimit("hardlimit", Counted() + 100 * kMiB);
  ASSERT_TRUE(heap::SetLimitCallback(FreeOne, &helper));
  const size_t much = runtime.pages.gauge().ceiling() + 1;
  const Kept before = WhatIsKept();
  testing::internal::CaptureStderr();
  EXPECT_EQ(heap::Allocate(much), nullptr);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("hardlimit: refused"), std::string::npos);
  EXPECT_EQ(helper.calls, 1);
  EXPECT_EQ(helper.wanted, much);
  EXPECT_EQ(WhatIsKept(), before);
}

int LiftLimit(size_t, size_t, size_t, void*) { return heap::SetOption("hardlimit", "off") ? 1 : 0; }

TEST_F(KeptTest, TheCallbackMaySetALimitThatIsLargeEnough) {
  SetLimit("hardlimit", Counted() + 10 * kMiB);
  ASSERT_TRUE(heap::SetLimitCallback(LiftLimit, nullptr));
  blocks_.push_back(heap::Allocate(runtime.pages.gauge().ceiling() + kMiB));
  EXPECT_NE(blocks_.back(), nullptr);
}

TEST_F(KeptTest, RoomThatNobodyAskedForIsNoReasonToGiveBackOrToRefuse) {
  std::vector<void*> runs(8);
  for (void*& run : runs) run = heap::Allocate(6 * kMiB);
  blocks_ = runs;
  std::sort(runs.begin(), runs.end());
  size_t i = 0;  // one with another right behind it
  while (i + 1 < runs.size() &&
         AddressOf(runs[i + 1]) != AddressOf(runs[i]) + Bytes(heap::GoodSize(6 * kMiB))) {
    ++i;
  }
  ASSERT_LT(i + 1, runs.size());
  heap::Trim(0);
  Helper helper;
  SetLimit("hardlimit", Counted() + 11 * kMiB);
  ASSERT_TRUE(heap::SetLimitCallback(FreeOne, &helper));
  const uint64_t before = WhatIsKept().released;
  testing::internal::CaptureStderr();
  void* const moved = heap::Reallocate(runs[i], 8 * kMiB, "realloc");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  ASSERT_NE(moved, nullptr);
  EXPECT_NE(moved, runs[i]);
  EXPECT_EQ(helper.calls, 0);
  EXPECT_EQ(WhatIsKept().released, before);
  *std::find(blocks_.begin(), blocks_.end(), runs[i]) = moved;
}

int AlwaysAgain(size_t, size_t, size_t, void* context) {
  ++*static_cast<int*>(context);
  return 1;
}

TEST_F(LimitsTest, ACallbackThatDoesNotHelpIsAskedThreeTimes) {
  int calls = 0;
  SetLimit("hardlimit", Counted() + 10 * kMiB);
  ASSERT_TRUE(heap::SetLimitCallback(AlwaysAgain, &calls));
  EXPECT_EQ(heap::Allocate(100 * kMiB), nullptr);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(heap::Allocate(SIZE_MAX / 2 + 2), nullptr);
  EXPECT_EQ(calls, 3) << "no limit refuses what no heap can give";
}

TEST_F(LimitsTest, BelowTheSoftLimitFreeMemoryIsGivenBackInsteadOfMoreBeingTaken) {
  heap::Trim(0);
  const uint64_t limit = Counted() + 100 * kMiB;
  SetLimit("memlimit", limit);
  // Two sizes that cannot use each other's free memory while anything of it is held.
  for (int round = 0; round < 6; ++round) {
    const size_t size = round % 2 == 0 ? 200 : 40000;
    ASSERT_GE(Take(size, 80 * kMiB), 80 * kMiB);
    EXPECT_LE(Counted(), limit);
    Drop(blocks_.size());
  }
  // Half of what is free now has to go, by whoever comes first: an allocation, or the background.
  const auto released = [] {
    const HeapReport report = Report();
    return report.released_limit_bytes + report.released_background_bytes;
  };
  const uint64_t before = released();
  const uint64_t backed = Counted();
  ASSERT_GT(backed, 60 * kMiB);
  SetLimit("memlimit", backed - 30 * kMiB);
  for (int i = 0; i < 500 && Counted() > backed - 30 * kMiB; ++i) {
    Take(40000, 1);
    usleep(10'000);
  }
  EXPECT_GE(released() - before, 20 * kMiB);
  EXPECT_GT(Report().process_resident_bytes, kMiB);
}

TEST_F(LimitsTest, TheLimitIsReportedAsItWasSetAndTheTargetBesideIt) {
  EXPECT_EQ(Report().memlimit_bytes + Report().memlimit_target_bytes, 0U);
  SetLimit("memlimit", 777'777'777);
  EXPECT_EQ(Report().memlimit_bytes, 777'777'777U);
  EXPECT_LT(Report().memlimit_target_bytes, 777'777'777U);
  EXPECT_GE(Report().memlimit_target_bytes, 740'000'000U);
}

TEST_F(LimitsTest, TheSoftLimitRefusesNothing) {
  heap::Trim(0);
  SetLimit("memlimit", Counted() + 20 * kMiB);
  EXPECT_GE(Take(1000, 60 * kMiB), 60 * kMiB);
}

TEST_F(LimitsTest, MinheapIsKeptEvenFromTrim) {
  heap::Trim(0);
  const uint64_t base = Counted();
  ASSERT_GE(Take(40000, 60 * kMiB), 60 * kMiB);
  Drop(blocks_.size());
  SetLimit("minheap", base + 40 * kMiB);
  heap::Trim(0);
  EXPECT_GE(Counted(), base + 38 * kMiB) << "to within a huge page";
  EXPECT_LE(Counted(), base + 44 * kMiB);
  ASSERT_TRUE(heap::SetOption("minheap", "0"));
  heap::Trim(0);
  EXPECT_LE(Counted(), base + 10 * kMiB);
}

TEST_F(LimitsTest, ThreadsTogetherKeepTheHardLimit) {
  heap::Trim(0);
  SetLimit("hardlimit", Counted() + 64 * kMiB);
  std::atomic<size_t> refused{0};
  std::atomic<uint64_t> highest{0};
  const auto work = [&] {
    std::vector<void*> mine;
    for (int i = 0; i < 3000; ++i) {
      void* p = heap::Allocate(i % 3 == 0 ? 100000 : 30000);
      if (p == nullptr) {
        ++refused;
        for (size_t k = 0; k < mine.size() / 2 + 1 && !mine.empty(); ++k) {
          heap::Free(mine.back(), "free");
          mine.pop_back();
        }
        continue;
      }
      mine.push_back(p);
      const uint64_t now = Counted();
      if (now > highest) highest = now;
    }
    for (void* p : mine) heap::Free(p, "free");
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(refused, 0U);
  // Tables and records are charged without asking.
  EXPECT_LE(highest, runtime.pages.gauge().ceiling() + 2 * kMiB);
}

TEST_F(LimitsTest, SlowPathsComputePercentagesAnew) {
  ASSERT_TRUE(heap::SetOption("hardlimit", "50%"));
  const uint64_t half = runtime.pages.gauge().ceiling();
  runtime.pages.gauge().SetCeiling(half / 2);  // as if the control group had allowed less then
  heap::Free(heap::Allocate(3 * kMiB), "free");
  for (int i = 0; i < 100 && runtime.pages.gauge().ceiling() != half; ++i) {
    usleep(20'000);
    heap::FlushThreadCache();
    heap::Free(heap::Allocate(3 * kMiB), "free");
  }
  EXPECT_EQ(runtime.pages.gauge().ceiling(), half);
}

TEST_F(LimitsTest, APercentageIsOfWhatTheMachineAllows) {
  ASSERT_TRUE(heap::SetOption("hardlimit", "50%"));
  EXPECT_NE(runtime.pages.gauge().ceiling(), MemoryGauge::kNone);
  const uint64_t half = runtime.pages.gauge().ceiling();
  ASSERT_TRUE(heap::SetOption("hardlimit", "100%"));
  EXPECT_NEAR(static_cast<double>(runtime.pages.gauge().ceiling()), 2.0 * static_cast<double>(half),
              4);
  runtime.limits.Refresh();
  EXPECT_NEAR(static_cast<double>(runtime.pages.gauge().ceiling()), 2.0 * static_cast<double>(half),
              4);
  ASSERT_TRUE(heap::SetOption("hardlimit", "off"));
  EXPECT_EQ(runtime.pages.gauge().ceiling(), MemoryGauge::kNone);
}

}  // namespace
}  // namespace spanheap
