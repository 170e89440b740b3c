// SPDX-License-Identifier: MIT
//
// SpanHeap in one thread: slots of every class, runs, solo blocks, refusals at every call.
#include "spans/span_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "span_fixture.h"

namespace spanheap {
namespace {

// Takes `n` blocks of a class, holding one span at a time; fewer when memory ends.
std::vector<void*> TakeBlocks(SpanFixture& fixture, unsigned malloc_class, size_t n,
                              PageCache& cache) {
  std::vector<void*> blocks;
  while (blocks.size() < n) {
    Span* const span = fixture.spans().TakeSpan(malloc_class, cache);
    if (span == nullptr) break;
    uint32_t cursor = 0;
    void* out[SpanHeap::kMaxBatch];
    const auto want =
        static_cast<uint32_t>(std::min<size_t>(SpanHeap::kMaxBatch, n - blocks.size()));
    const uint32_t got = fixture.spans().TakeSlots(*span, want, cursor, out);
    blocks.insert(blocks.end(), out, out + got);
    fixture.spans().DropSpan(*span, cache);
  }
  return blocks;
}

void ReturnBlocks(SpanFixture& fixture, unsigned malloc_class, const std::vector<void*>& blocks,
                  PageCache& cache) {
  for (size_t at = 0; at < blocks.size(); at += SpanHeap::kMaxBatch) {
    const size_t n = std::min<size_t>(SpanHeap::kMaxBatch, blocks.size() - at);
    fixture.spans().ReturnSlots(malloc_class, &blocks[at], static_cast<uint32_t>(n), cache, "test");
  }
}

TEST(SpanHeapTest, BlocksOfEveryClassAreApartAndComeBack) {
  SpanFixture fixture;
  PageCache cache;
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    const size_t size = kMallocClasses[c].block_bytes;
    const size_t n = size_t{kMallocClasses[c].slots} * 2 + 3;
    std::vector<void*> blocks = TakeBlocks(fixture, c, n, cache);
    ASSERT_EQ(blocks.size(), n);
    EXPECT_EQ(fixture.VerifiedUse(), n);
    std::sort(blocks.begin(), blocks.end());
    for (size_t i = 1; i < n; ++i) {
      ASSERT_GE(AddressOf(blocks[i]) - AddressOf(blocks[i - 1]), Bytes(size)) << "class " << c;
    }
    std::shuffle(blocks.begin(), blocks.end(), std::minstd_rand(c));
    ReturnBlocks(fixture, c, blocks, cache);
    EXPECT_EQ(fixture.VerifiedUse(), 0U);
  }
  fixture.pages().Flush(cache);
  fixture.ExpectEmpty();
}

TEST(SpanHeapTest, RefillsFromPartlyUsedSpansBeforeMakingNewOnes) {
  SpanFixture fixture;
  PageCache cache;
  const unsigned c = 32;
  std::vector<void*> blocks = TakeBlocks(fixture, c, size_t{kMallocClasses[c].slots} * 4, cache);
  const uint64_t spans = fixture.spans().span_count(c);
  for (int round = 0; round < 50; ++round) {
    const std::vector<void*> some(blocks.end() - 20, blocks.end());
    blocks.resize(blocks.size() - 20);
    ReturnBlocks(fixture, c, some, cache);
    const std::vector<void*> others = TakeBlocks(fixture, c, 20, cache);
    blocks.insert(blocks.begin(), others.begin(), others.end());
    ASSERT_LE(fixture.spans().span_count(c), spans);
  }
  ReturnBlocks(fixture, c, blocks, cache);
  fixture.pages().Flush(cache);
  fixture.ExpectEmpty();
}

TEST(SpanHeapTest, RunsAndSoloBlocksComeBack) {
  SpanFixture fixture;
  PageCache cache;
  std::vector<void*> runs;
  for (unsigned c = kFirstRunClass; c < kFirstRunClass + 20; ++c) {
    bool zeroed = false;
    runs.push_back(fixture.spans().AllocateRun(c, Pages(1), cache, zeroed));
    ASSERT_NE(runs.back(), nullptr);
    EXPECT_TRUE(zeroed);  // nothing was here before
  }
  void* const solo = fixture.spans().AllocateSolo(Bytes(100'000), cache);
  ASSERT_NE(solo, nullptr);
  Span* const record = fixture.spans().SpanOf(AddressOf(solo) + Bytes(99'999));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->state.LoadAcquire(), SpanState::kSolo);
  EXPECT_TRUE(fixture.spans().FreeSolo(*record, cache));
  EXPECT_FALSE(fixture.spans().FreeSolo(*record, cache));
  for (unsigned c = kFirstRunClass; c < kFirstRunClass + 20; ++c) {
    fixture.spans().FreeRun(c, runs[c - kFirstRunClass], cache, "test");
  }
  fixture.pages().Flush(cache);
  fixture.ExpectEmpty();
  EXPECT_EQ(fixture.spans().solo_bytes(), 0U);
}

// Whatever call to the OS is refused: fewer blocks, nothing lost, and then it goes on.
TEST(SpanHeapTest, ARefusalAtAnyCallLosesNothing) {
  for (uint64_t n = 1; n < 40; ++n) {
    SpanFixture fixture;
    PageCache cache;
    fixture.memory().RefuseOnly(n);
    for (const unsigned c : {1U, 20U, 40U, kSmallClasses}) {
      const std::vector<void*> blocks = TakeBlocks(fixture, c, 2000, cache);
      EXPECT_EQ(fixture.VerifiedUse(), blocks.size());
      ReturnBlocks(fixture, c, blocks, cache);
    }
    fixture.memory().RefuseFrom(0);
    const std::vector<void*> blocks = TakeBlocks(fixture, 10, 1000, cache);
    EXPECT_EQ(blocks.size(), 1000U);
    ReturnBlocks(fixture, 10, blocks, cache);
    fixture.pages().Flush(cache);
    fixture.ExpectEmpty();
  }
}

// What a thread has in its bin twice may come back when its span is no more.
TEST(SpanHeapDeathTest, ReturningTwiceIsNoticedWhenTheSpanIsGone) {
  SpanFixture fixture;
  PageCache cache;
  void* block = TakeBlocks(fixture, 5, 3, cache)[2];
  std::vector<void*> all = {PointerTo(AddressOf(block) - Bytes(2 * BlockBytes(5))),
                            PointerTo(AddressOf(block) - Bytes(BlockBytes(5))), block};
  ReturnBlocks(fixture, 5, all, cache);
  fixture.pages().Flush(cache);
  fixture.ExpectEmpty();
  EXPECT_DEATH(ReturnBlocks(fixture, 5, {block}, cache),
               "test\\(0x[0-9a-f]+\\): double free: .*, class 80, span 0x[0-9a-f]+\\+");
}

TEST(SpanHeapTest, WhatEndedInAPageIsKnownUntilSomethingElseBegins) {
  SpanFixture fixture;
  PageCache cache;
  const unsigned c = MallocClassFor(100000);
  bool zeroed = false;
  void* run = fixture.spans().AllocateRun(c, Pages(1), cache, zeroed);
  const Address start = AddressOf(run);
  BlockFacts facts{};
  EXPECT_FALSE(fixture.spans().FindFormer(start, facts));
  EXPECT_EQ(fixture.spans().FactsOf(start + 50000_B).span_base, start);
  fixture.spans().FreeRun(c, run, cache, "test");
  EXPECT_EQ(fixture.spans().SpanOf(start), nullptr);
  EXPECT_EQ(fixture.spans().FactsOf(start).class_size, Bytes(0));
  ASSERT_TRUE(fixture.spans().FindFormer(start, facts));
  EXPECT_EQ(facts.class_size, Bytes(BlockBytes(c)));
  EXPECT_EQ(facts.span_base, start);
  EXPECT_EQ(facts.span_pages, RunPages(c));
  EXPECT_FALSE(fixture.spans().FindFormer(start + 16_B, facts));
  fixture.spans().GiveUpSpares();
  fixture.pages().Flush(cache);
  void* solo = fixture.spans().AllocateSolo(20000_B, cache);
  ASSERT_EQ(AddressOf(solo), start);
  EXPECT_FALSE(fixture.spans().FindFormer(start, facts));
  EXPECT_TRUE(fixture.spans().FreeSolo(*fixture.spans().SpanOf(start), cache));
  ASSERT_TRUE(fixture.spans().FindFormer(start, facts));
  EXPECT_EQ(facts.span_pages, Pages(3));
  fixture.pages().Flush(cache);
  fixture.ExpectEmpty();
}

TEST(SpanHeapDeathTest, ReturningTwiceIsNoticed) {
  SpanFixture fixture;
  PageCache cache;
  std::vector<void*> blocks = TakeBlocks(fixture, 3, 10, cache);
  ReturnBlocks(fixture, 3, {blocks[4]}, cache);
  EXPECT_DEATH(ReturnBlocks(fixture, 3, {blocks[4]}, cache), "test.*double free");
  EXPECT_DEATH(ReturnBlocks(fixture, 3, {blocks[5], blocks[6], blocks[5]}, cache),
               "test.*double free");
  blocks.erase(blocks.begin() + 4);
  EXPECT_DEATH(ReturnBlocks(fixture, 3, {static_cast<char*>(blocks[0]) + 8}, cache),
               "test.*not the start of a block");
  ReturnBlocks(fixture, 3, blocks, cache);
  fixture.pages().Flush(cache);
  fixture.ExpectEmpty();
}

}  // namespace
}  // namespace spanheap
