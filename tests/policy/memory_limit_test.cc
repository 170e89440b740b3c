// SPDX-License-Identifier: MIT
//
// The arithmetic of limits, and a heap in simulation that obeys it.
#include "policy/memory_limit.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/script_random.h"

namespace spanheap::policy {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

TEST(MemoryLimitTest, AnAmountIsBytesOrAShareOfTheWhole) {
  EXPECT_EQ(Resolve({}, 100 * kMiB), kNoLimit);
  EXPECT_EQ(Resolve({7 * kMiB, 0}, 100 * kMiB), 7 * kMiB);
  EXPECT_EQ(Resolve({0, 80}, 100 * kMiB), 80 * kMiB);
  EXPECT_EQ(Resolve({0, 100}, 123456789), 123456789U);
  EXPECT_EQ(Resolve({0, 80}, kNoLimit), kNoLimit);
  EXPECT_EQ(Resolve({0, 100}, kNoLimit - 1), kNoLimit - 1) << "no overflow";
}

TEST(MemoryLimitTest, MarksLieBelowTheLimitInOrder) {
  EXPECT_EQ(SoftLimitFor(kNoLimit).target, kNoLimit);
  for (const uint64_t limit : {uint64_t{1}, kMiB, 4 * kMiB, 512 * kMiB, uint64_t{1} << 50}) {
    const SoftLimit soft = SoftLimitFor(limit);
    EXPECT_LE(soft.background, soft.target);
    EXPECT_LE(soft.target, limit);
    EXPECT_GE(soft.target, limit / 2);
  }
  EXPECT_EQ(SoftLimitFor(512 * kMiB).target, 496 * kMiB);
}

TEST(MemoryLimitTest, NothingIsGivenBackAtOrBelowTheTarget) {
  EXPECT_EQ(ReleaseAtAllocation(496 * kMiB, 496 * kMiB, 8 * kMiB), 0U);
  EXPECT_EQ(ReleaseAtAllocation(0, kNoLimit, 8 * kMiB), 0U);
}

TEST(MemoryLimitTest, AnAllocationGivesBackWhatIsTooMuchInBoundedPieces) {
  const uint64_t target = 496 * kMiB;
  EXPECT_GT(ReleaseAtAllocation(target + kMiB, target, kMiB), kMiB);
  EXPECT_LE(ReleaseAtAllocation(target + kMiB, target, kMiB), 6 * kMiB);
  EXPECT_EQ(ReleaseAtAllocation(4 * target, target, kMiB), kMostReleasePerCall);
  EXPECT_EQ(ReleaseAtAllocation(4 * target, target, 100 * kMiB), 100 * kMiB);
}

TEST(MemoryLimitTest, AFloorHoldsBackTheRest) {
  EXPECT_EQ(AboveFloor(100, 1000, 0), 100U);
  EXPECT_EQ(AboveFloor(100, 1000, 950), 50U);
  EXPECT_EQ(AboveFloor(100, 1000, 1000), 0U);
  EXPECT_EQ(AboveFloor(100, 1000, 5000), 0U);
}

// A heap as the limits see it: live bytes, free bytes that count, and attempts to give back.
struct SimulatedHeap {
  uint64_t limit;
  uint64_t live = 0;
  uint64_t free = 0;
  uint64_t now_ns = 0;
  Patience patience{};
  uint64_t attempts = 0;
  uint64_t most_released = 0;

  uint64_t counted() const { return live + free; }

  // `fresh` of the bytes come from the OS, the others from what is free.
  void Allocate(uint64_t n, uint64_t fresh) {
    free -= n - fresh;
    live += n;
    now_ns += 1000;
    const uint64_t target = SoftLimitFor(limit).target;
    const uint64_t wanted = ReleaseAtAllocation(counted(), target, fresh);
    if (wanted == 0 || (counted() <= patience.counted && now_ns < patience.at_ns)) return;
    ++attempts;
    const uint64_t released = std::min(wanted, free);
    free -= released;
    most_released = std::max(most_released, released);
    patience = released < wanted ? PatienceAfter(counted(), target, now_ns) : Patience{};
  }
  void Free(uint64_t n) {
    live -= n;
    free += n;
  }
};

// Fragmentation at its worst: most allocations find no use for what is free.
TEST(MemoryLimit, SearchesInVainTakeAFifthOfTheTimeAndEndSoon) {
  EXPECT_EQ(RestAfterSearch_ns(0), 0U);
  EXPECT_EQ(RestAfterSearch_ns(1'000'000), 4'000'000U);
  EXPECT_EQ(RestAfterSearch_ns(60'000'000), 100'000'000U);
  EXPECT_EQ(RestAfterSearch_ns(~uint64_t{0}), 100'000'000U);
}

TEST(MemoryLimitSimulation, AHeapBelowTheLimitStaysBelowItThroughAnyChurn) {
  ScriptRandom random(7);
  SimulatedHeap heap{512 * kMiB};
  heap.Allocate(450 * kMiB, 450 * kMiB);
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t n = (1 + random.Below(256)) * 8192;
    if (heap.live > 440 * kMiB) heap.Free(heap.live - 440 * kMiB + n);
    heap.Allocate(n, n - std::min(n, random.Below(4) == 0 ? heap.free : 0));
    ASSERT_LE(heap.counted(), heap.limit);
    ASSERT_LE(heap.live, 450 * kMiB);
  }
  EXPECT_LE(heap.most_released, kMostReleasePerCall);
}

TEST(MemoryLimitSimulation, AHeapThatIsTooLargeIsNotSlowedDownByVainAttempts) {
  SimulatedHeap heap{512 * kMiB};
  heap.Allocate(500 * kMiB, 500 * kMiB);
  heap.attempts = 0;
  for (int i = 0; i < 100'000; ++i) heap.Allocate(8192, 8192);  // 100 ms, 800 MB
  EXPECT_LE(heap.attempts, 430U) << "one per 2 MiB of growth or 10 ms";
  heap.attempts = 0;
  for (int i = 0; i < 100'000; ++i) {
    heap.Free(8192);
    heap.free = 0;  // somebody else gave it back
    heap.Allocate(8192, 8192);
  }
  EXPECT_LE(heap.attempts, 11U) << "one per 10 ms when nothing grows";
}

TEST(MemoryLimitSimulation, AfterAVainAttemptWhatIsFreedLaterIsGivenBackSoon) {
  SimulatedHeap heap{512 * kMiB};
  heap.Allocate(508 * kMiB, 508 * kMiB);
  ASSERT_EQ(heap.attempts, 1U);
  heap.Free(300 * kMiB);
  for (int i = 0; i < 20'000; ++i) heap.Allocate(4096, 4096);  // 80 MB in 20 ms
  EXPECT_LE(heap.counted(), SoftLimitFor(heap.limit).target);
}

}  // namespace
}  // namespace spanheap::policy
