// SPDX-License-Identifier: MIT
//
// heap:: from one end to the other in one thread: every way to get a block, change its size and
// give it back, and what the heap says of itself after each.
#include "runtime/heap.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "heap_fixture.h"
#include "layout/malloc_classes.h"
#include "models/script_random.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

constexpr size_t kSizes[] = {
    0,       1,       16,      17,      100,     1024,    1025,     5000,           32768,    32769,
    100'000, 262'144, 262'145, 1 << 20, 8 << 20, 9 << 20, 32 << 20, (32 << 20) + 1, 100 << 20};

class HeapTest : public HeapFixture {};

TEST_F(HeapTest, BlocksOfEverySizeAreAlignedOwnedAndAsLargeAsPromised) {
  std::vector<void*> blocks;
  for (const size_t n : kSizes) {
    void* const block = heap::Allocate(n);
    ASSERT_NE(block, nullptr) << n;
    EXPECT_TRUE(IsAligned(block, heap::kMinAlignment));
    EXPECT_TRUE(heap::Owns(block));
    const size_t usable = heap::UsableSize(block, "test");
    EXPECT_GE(usable, std::max<size_t>(n, 1));
    EXPECT_EQ(usable, heap::GoodSize(n)) << n;
    Fill(block, usable, static_cast<unsigned char>(blocks.size() + 1));
    blocks.push_back(block);
    ExpectLive(blocks.size());
  }
  for (size_t i = blocks.size(); i-- > 0;) {
    EXPECT_TRUE(IsFilled(blocks[i], heap::GoodSize(kSizes[i]), static_cast<unsigned char>(i + 1)));
    EXPECT_EQ(heap::UsableSize(blocks[i], "test"), heap::GoodSize(kSizes[i]));
    heap::Free(blocks[i], "test");
    ExpectLive(i);
  }
  int local = 0;
  EXPECT_FALSE(heap::Owns(&local));
  heap::Free(nullptr, "test");
  EXPECT_EQ(heap::UsableSize(nullptr, "test"), 0U);
}

TEST_F(HeapTest, WhatIsTooLargeIsNull) {
  for (const size_t n : {heap::kMaxBlock + 1, SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2 + 1}) {
    EXPECT_EQ(heap::Allocate(n), nullptr);
    EXPECT_EQ(heap::AllocateZeroed(n), nullptr);
    EXPECT_EQ(heap::AllocateAligned(4096, n), nullptr);
    EXPECT_EQ(heap::GoodSize(n), 0U);
  }
  EXPECT_EQ(heap::Allocate(heap::kMaxBlock), nullptr);
  EXPECT_EQ(heap::AllocateAligned(heap::kMaxAlignment * 2, 1), nullptr);
  void* const block = heap::Allocate(100);
  Fill(block, 100, 7);
  EXPECT_EQ(heap::Reallocate(block, SIZE_MAX, "test"), nullptr);
  EXPECT_TRUE(IsFilled(block, 100, 7));
  heap::Free(block, "test");
}

TEST_F(HeapTest, ZeroedBlocksAreZeroAlsoWhereOthersLay) {
  for (const size_t n : kSizes) {
    for (int round = 0; round < 3; ++round) {
      auto* const block = static_cast<unsigned char*>(heap::AllocateZeroed(n));
      ASSERT_NE(block, nullptr);
      EXPECT_TRUE(std::all_of(block, block + std::min<size_t>(n, 2 << 20),
                              [](unsigned char b) { return b == 0; }));
      EXPECT_TRUE(IsFilled(block, n, 0));
      Fill(block, heap::UsableSize(block, "test"), 0xA5);
      heap::Free(block, "test");
    }
  }
}

TEST_F(HeapTest, EveryAlignmentUpToAGiBIsMetForEverySize) {
  for (size_t alignment = 16; alignment <= heap::kMaxAlignment; alignment *= 2) {
    std::vector<void*> blocks;
    for (const size_t n : {0, 1, 100, 5000, 32768, 40'000, 300'000, 33 << 20}) {
      void* const block = heap::AllocateAligned(alignment, n);
      ASSERT_NE(block, nullptr) << n << " at " << alignment;
      EXPECT_TRUE(IsAligned(block, alignment)) << n << " at " << alignment;
      EXPECT_EQ(heap::UsableSize(block, "test"), heap::GoodSizeAligned(alignment, n));
      EXPECT_GE(heap::UsableSize(block, "test"), static_cast<size_t>(n));
      Fill(block, n, 3);
      blocks.push_back(block);
    }
    ExpectLive(blocks.size());
    for (void* block : blocks) heap::Free(block, "test");
  }
}

TEST_F(HeapTest, ABlockKeepsItsContentOnEveryWayFromOneSizeToAnother) {
  for (const size_t from : kSizes) {
    for (const size_t to : kSizes) {
      if (to == 0) continue;
      void* block = heap::Allocate(from);
      ASSERT_NE(block, nullptr);
      Fill(block, from, 0x5C);
      block = heap::Reallocate(block, to, "test");
      ASSERT_NE(block, nullptr) << from << " to " << to;
      EXPECT_GE(heap::UsableSize(block, "test"), to);
      EXPECT_TRUE(IsFilled(block, std::min(from, to), 0x5C)) << from << " to " << to;
      Fill(block, to, 1);
      heap::Free(block, "test");
    }
    ExpectLive(0);
  }
}

TEST_F(HeapTest, BlocksStayWhereTheyAreWhenTheNewSizeFits) {
  void* const small = heap::Allocate(1000);
  EXPECT_EQ(heap::Reallocate(small, heap::GoodSize(1000), "test"), small);
  EXPECT_EQ(heap::Reallocate(small, 600, "test"), small);  // more than half
  void* const shrunk = heap::Reallocate(small, 100, "test");
  EXPECT_LT(heap::UsableSize(shrunk, "test"), 200U);
  heap::Free(shrunk, "test");
  ExpectLive(0);
}

TEST_F(HeapTest, ARunGrowsIntoTheFreePagesBehindItAndShrinksWhereItIs) {
  void* const room = heap::Allocate(30 << 20);
  heap::Free(room, "test");
  heap::Trim(0);  // nothing is kept back: the run lies low in what the room left
  void* const run = heap::Allocate(300'000);
  Fill(run, 300'000, 9);
  void* const longer = heap::Reallocate(run, 2 << 20, "test");
  EXPECT_EQ(longer, run);
  EXPECT_TRUE(IsFilled(longer, 300'000, 9));
  ExpectLive(1);
  EXPECT_EQ(heap::Reallocate(longer, 400'000, "test"), run);
  EXPECT_LE(heap::UsableSize(run, "test"), 524'288U);
  EXPECT_TRUE(IsFilled(run, 300'000, 9));
  ExpectLive(1);
  heap::Free(run, "test");
}

TEST_F(HeapTest, ARunThatMovesToGrowHasRoomForTheNextStep) {
  std::vector<void*> runs(64);
  for (void*& run : runs) run = heap::Allocate(300'000);
  std::sort(runs.begin(), runs.end());
  size_t i = 0;  // one with another right behind it
  while (i + 1 < runs.size() && AddressOf(runs[i + 1]) != AddressOf(runs[i]) + Bytes(327'680)) ++i;
  ASSERT_LT(i + 1, runs.size());
  Fill(runs[i], 300'000, 9);
  void* const moved = heap::Reallocate(runs[i], 600'000, "test");
  EXPECT_NE(moved, runs[i]);
  EXPECT_EQ(heap::Reallocate(moved, 900'000, "test"), moved);
  EXPECT_EQ(heap::Reallocate(moved, 600'000, "test"), moved);  // not shrunk for its room
  EXPECT_TRUE(IsFilled(moved, 300'000, 9));
  runs[i] = moved;
  for (void* run : runs) heap::Free(run, "test");
  ExpectLive(0);
}

// The page behind the program's last one comes with it then.
TEST_F(HeapTest, WhereHugePagesWereAskedForARunThatMovesHasNoRoom) {
  ASSERT_TRUE(heap::SetOption("hugepages", "eager"));
  std::vector<void*> runs(400);  // more than there may be room for in what has grown before
  for (void*& run : runs) run = heap::Allocate(300'000);
  std::sort(runs.begin(), runs.end());
  size_t i = runs.size() - 2;  // high up, with another right behind it
  while (i > 0 && AddressOf(runs[i + 1]) != AddressOf(runs[i]) + Bytes(327'680)) --i;
  runs[i] = heap::Reallocate(runs[i], 600'000, "test");
  const Address end = AddressOf(runs[i]) + Bytes(600'000);
  const bool is_huge = runtime.pages.IsAdvisedHuge(runtime.pages.IndexOf(end));
  EXPECT_EQ(heap::UsableSize(runs[i], "test") == heap::GoodSize(600'000), is_huge);
  for (void* run : runs) heap::Free(run, "test");
  ASSERT_TRUE(heap::SetOption("hugepages", "auto"));
  ExpectLive(0);
}

TEST_F(HeapTest, ALargeBlockGrowsInItsWindowAndThenMovesItsPages) {
  void* block = heap::Allocate(40 << 20);
  Fill(block, 40 << 20, 4);
  EXPECT_EQ(heap::Reallocate(block, 60 << 20, "test"), block);
  EXPECT_TRUE(IsFilled(static_cast<char*>(block) + (41 << 20), 19 << 20, 0));
  block = heap::Reallocate(block, 300 << 20, "test");
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(IsFilled(block, 40 << 20, 4));
  ExpectLive(1);
  block = heap::Reallocate(block, 50 << 20, "test");  // back into a small part of its window
  EXPECT_TRUE(IsFilled(block, 40 << 20, 4));
  EXPECT_EQ(heap::UsableSize(block, "test"), size_t{50} << 20);
  block = heap::Reallocate(block, 5000, "test");
  EXPECT_TRUE(IsFilled(block, 5000, 4));
  ExpectLive(1);
  heap::Free(block, "test");
}

TEST_F(HeapTest, ALargeBlockGivesBackWhatIsCutOffFromAnEighthOnAndGrowsInItsWindowAgain) {
  constexpr size_t kMiB = 1 << 20;
  void* const block = heap::Allocate(100 * kMiB);
  Fill(block, 100 * kMiB, 4);
  const uint64_t whole = runtime.pages.gauge().counted();
  EXPECT_EQ(heap::Reallocate(block, 60 * kMiB, "test"), block);
  EXPECT_EQ(heap::UsableSize(block, "test"), 60 * kMiB);
  EXPECT_LE(runtime.pages.gauge().counted(), whole - 39 * kMiB);
  EXPECT_EQ(heap::Reallocate(block, 55 * kMiB, "test"), block);
  EXPECT_EQ(heap::UsableSize(block, "test"), 60 * kMiB) << "not worth a system call";
  EXPECT_TRUE(IsFilled(block, 55 * kMiB, 4));
  EXPECT_EQ(heap::Reallocate(block, 31 * kMiB, "test"), block) << "and stays large";
  EXPECT_LE(heap::UsableSize(block, "test"), 33 * kMiB);
  EXPECT_TRUE(IsFilled(block, 31 * kMiB, 4));
  EXPECT_EQ(heap::Reallocate(block, 128 * kMiB, "test"), block);
  EXPECT_TRUE(IsFilled(static_cast<char*>(block) + 33 * kMiB, 95 * kMiB, 0));
  ExpectLive(1);
  heap::Free(block, "test");
}

TEST_F(HeapTest, AGrowingBlockKeepsItsContentAllTheWay) {
  size_t size = 1;
  void* block = heap::Allocate(size);
  for (; size < size_t{70} << 20; size += size / 3 + 1) {
    Fill(block, size, static_cast<unsigned char>(size));
    void* const next = heap::Reallocate(block, size + size / 3 + 1, "test");
    ASSERT_NE(next, nullptr);
    ASSERT_TRUE(IsFilled(next, size, static_cast<unsigned char>(size))) << size;
    block = next;
  }
  ExpectLive(1);
  heap::Free(block, "test");
}

TEST_F(HeapTest, GoodSizeIsWhatOneGetsAndAskingForItGivesTheSame) {
  ScriptRandom random(2);
  for (int i = 0; i < 3000; ++i) {
    const size_t n = random.Size(26);
    const size_t alignment = size_t{16} << random.Below(10);
    const size_t good = heap::GoodSize(n);
    EXPECT_GE(good, n);
    EXPECT_EQ(heap::GoodSize(good), good);
    void* const block = heap::AllocateAligned(alignment, n);
    EXPECT_EQ(heap::UsableSize(block, "test"), heap::GoodSizeAligned(alignment, n));
    heap::FreeSized(block, n, alignment, "test");
  }
}

struct Held {
  void* block;
  size_t size;
  unsigned char mark;
};

TEST_F(HeapTest, ARandomScriptLosesNoByteAndTheCountsAreExactAtEachStop) {
  ScriptRandom random(11);
  std::vector<Held> held;
  for (int step = 0; step < 30'000 && !HasFailure(); ++step) {
    const size_t n = random.Size(random.OneIn(200) ? 25 : 14);
    const auto mark = static_cast<unsigned char>(step % 255 + 1);
    if (held.size() < 50 || random.OneIn(2)) {
      held.push_back({heap::Allocate(n), n, mark});
    } else {
      Held& last = held[random.Below(held.size())];
      ASSERT_TRUE(IsFilled(last.block, last.size, last.mark)) << step;
      if (random.OneIn(3)) {
        last.block = heap::Reallocate(last.block, n, "test");
        ASSERT_TRUE(IsFilled(last.block, std::min(n, last.size), last.mark)) << step;
        last = {last.block, n, mark};
      } else {
        heap::Free(last.block, "test");
        last = held.back();
        held.pop_back();
        continue;
      }
      Fill(last.block, last.size, last.mark);
      continue;
    }
    ASSERT_NE(held.back().block, nullptr);
    Fill(held.back().block, n, mark);
    if (step % 1000 == 0) ExpectLive(held.size());
  }
  ExpectLive(held.size());
  for (const Held& last : held) heap::Free(last.block, "test");
}

TEST_F(HeapTest, TheReportCountsLiveBlocksByClass) {
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(heap::Allocate(100));
  const unsigned c = MallocClassFor(100);
  const uint64_t with = Report().classes[c - 1].live_blocks;
  for (void* block : blocks) heap::Free(block, "test");
  const HeapReport after = Report();
  EXPECT_EQ(with - after.classes[c - 1].live_blocks, 1000U);
  EXPECT_EQ(after.classes[c - 1].block_bytes, heap::GoodSize(100));
  EXPECT_GE(after.classes[c - 1].allocated_total, 1000U);
}

TEST_F(HeapTest, TrimGivesFreeMemoryBackToTheSystem) {
  std::vector<void*> blocks;
  for (int i = 0; i < 64; ++i) {
    blocks.push_back(heap::Allocate(1 << 20));
    Fill(blocks.back(), 1 << 20, 1);
  }
  for (void* block : blocks) heap::Free(block, "test");
  const HeapReport before = Report();
  EXPECT_TRUE(heap::Trim(0));
  const HeapReport after = Report();
  EXPECT_TRUE(after.AddsUp());
  EXPECT_EQ(after.mapped_bytes, before.mapped_bytes);
  EXPECT_GT(after.os_releases, before.os_releases);
  EXPECT_GE(after.released_bytes, before.released_bytes + (uint64_t{60} << 20));
  EXPECT_LT(after.free_pages_bytes, uint64_t{1} << 20);
  auto* const again = static_cast<unsigned char*>(heap::AllocateZeroed(20 << 20));
  EXPECT_TRUE(std::all_of(again, again + (20 << 20), [](unsigned char b) { return b == 0; }));
  heap::Free(again, "test");
}

TEST_F(HeapTest, SampledBlocksLieAloneAndBehaveLikeOthers) {
  ASSERT_TRUE(heap::SetOption("sample", "4096"));
  std::thread([] {  // a thread that begins under the option
    std::vector<Held> held;
    for (size_t i = 0; i < 4000; ++i) {
      held.push_back({heap::Allocate(i % 400), i % 400, static_cast<unsigned char>(i % 255 + 1)});
      Fill(held.back().block, held.back().size, held.back().mark);
      EXPECT_GE(heap::UsableSize(held.back().block, "test"), held.back().size);
    }
    // 800 000 bytes, one in 4096: about 195.
    EXPECT_GT(runtime.spans.solo_count(), 120U);
    EXPECT_LT(runtime.spans.solo_count(), 300U);
    EXPECT_TRUE(Report().AddsUp());
    for (Held& each : held) {
      each.block = heap::Reallocate(each.block, each.size + 300, "test");
      ASSERT_TRUE(IsFilled(each.block, each.size, each.mark));
      heap::Free(each.block, "test");
    }
    EXPECT_EQ(runtime.spans.solo_count(), 0U);
  })
      .join();
  ASSERT_TRUE(heap::SetOption("sample", "0"));
}

TEST_F(HeapTest, BlocksThatNeverLieInABinAreSampledAsOftenAsOthers) {
  ASSERT_TRUE(heap::SetOption("sample", "1048576"));
  std::thread([] {
    std::vector<void*> blocks;
    for (int i = 0; i < 2000; ++i) blocks.push_back(heap::Allocate(i % 2 == 0 ? 100'000 : 300'000));
    // A block of n bytes is sampled with probability 1 - e^(-n / 2^20): about 340 of these.
    EXPECT_GT(runtime.spans.solo_count(), 260U);
    EXPECT_LT(runtime.spans.solo_count(), 420U);
    for (void* block : blocks) heap::Free(block, "test");
    EXPECT_EQ(runtime.spans.solo_count(), 0U);
  }).join();
  ASSERT_TRUE(heap::SetOption("sample", "0"));
}

TEST_F(HeapTest, OptionsSayWhatTheyAre) {
  char value[32];
  EXPECT_TRUE(heap::GetOption("verify", value, sizeof value));
  EXPECT_STREQ(value, "1");
  EXPECT_FALSE(heap::GetOption("no_such_option", value, sizeof value));
  EXPECT_FALSE(heap::SetOption("verify", "4"));
  EXPECT_FALSE(heap::SetOption("no_such_option", "1"));
}

TEST_F(HeapTest, WithoutMemoryTheAnswerIsNullAndNothingIsLost) {
  std::vector<void*> blocks;
  ASSERT_TRUE(heap::SetOption("refuse_after", "0"));
  void* block = nullptr;
  while (blocks.size() < 10'000 && (block = heap::Allocate(1 << 20)) != nullptr) {
    blocks.push_back(block);
  }
  EXPECT_EQ(block, nullptr);
  EXPECT_EQ(heap::Allocate(100 << 20), nullptr);
  EXPECT_EQ(heap::AllocateAligned(1 << 25, 1 << 20), nullptr);
  ExpectLive(blocks.size());
  ASSERT_TRUE(heap::SetOption("refuse_after", "-1"));
  void* const large = heap::Allocate(100 << 20);
  EXPECT_NE(large, nullptr);
  heap::Free(large, "test");
  for (void* each : blocks) heap::Free(each, "test");
}

using HeapDeathTest = HeapTest;

TEST_F(HeapDeathTest, AtVerifyLevel2ASecondFreeDiesAtTheCall) {
  for (const size_t n : {1, 100, 5000, 32768, 100'000, 1 << 20, 40 << 20}) {
    EXPECT_EXIT(
        {
          heap::SetOption("verify", "2");
          void* const a = heap::Allocate(n);
          void* const b = heap::Allocate(n);
          heap::Free(a, "first");
          heap::Free(b, "first");
          heap::Free(a, "second");
        },
        testing::KilledBySignal(SIGABRT), "second\\(0x[0-9a-f]+\\): ")
        << n;
  }
}

TEST_F(HeapDeathTest, PointersThatAreNoBlocksDie) {
  int local = 0;
  EXPECT_EXIT(heap::Free(&local, "free"), testing::KilledBySignal(SIGABRT), "free\\(0x");
  EXPECT_EXIT(heap::UsableSize(&local, "usable"), testing::KilledBySignal(SIGABRT), "usable\\(0x");
  EXPECT_EXIT(heap::Reallocate(&local, 10, "realloc"), testing::KilledBySignal(SIGABRT),
              "realloc\\(0x");
  EXPECT_EXIT(
      {
        heap::SetOption("verify", "2");
        heap::FreeSized(heap::Allocate(100), 10'000, 0, "sized");
      },
      testing::KilledBySignal(SIGABRT), "sized\\(0x");
}

}  // namespace
}  // namespace spanheap
