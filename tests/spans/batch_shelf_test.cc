// SPDX-License-Identifier: MIT
//
// BatchShelf against one plain stack per class; its bounds; threads that pass blocks through it;
// and how SpanHeap decides what goes there and comes back.
#include "spans/batch_shelf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "models/script_random.h"
#include "span_fixture.h"
#include "spans/scattered.h"

namespace spanheap {
namespace {

using Blocks = std::vector<void*>;

// A shelf on memory of its own.
struct ShelfFixture {
  ShelfFixture() {
    metadata.Init(memory);
    shelf.Init(memory, metadata);
  }
  os::FakeMemory memory{os::FakeMemory::Backing::kKernel};
  MetadataArena metadata;
  BatchShelf shelf;
};

// What a shelf should hold: per class all blocks in the order they were kept, and the least since
// the last question.
class ShelfModel {
 public:
  void Keep(unsigned c, const Blocks& batch) {
    stacks_[c].insert(stacks_[c].end(), batch.begin(), batch.end());
    bytes_ += batch.size() * BlockBytes(c);
  }
  // The blocks [from, from + n) are gone.
  void Remove(unsigned c, size_t from, size_t n) {
    const auto first = stacks_[c].begin() + static_cast<ptrdiff_t>(from);
    stacks_[c].erase(first, first + static_cast<ptrdiff_t>(n));
    bytes_ -= n * BlockBytes(c);
    least_[c] = std::min(least_[c], stacks_[c].size());
  }
  uint64_t TakeIdleCount(unsigned c) { return std::exchange(least_[c], stacks_[c].size()); }
  const Blocks& stack(unsigned c) const { return stacks_[c]; }
  uint64_t bytes() const { return bytes_; }

 private:
  Blocks stacks_[kSmallClasses + 1];
  size_t least_[kSmallClasses + 1] = {};
  uint64_t bytes_ = 0;
};

class ShelfScript {
 public:
  void Step(bool fills) {
    const unsigned c = random_.OneIn(3) ? 1 + static_cast<unsigned>(random_.Below(kSmallClasses))
                                        : 10 + static_cast<unsigned>(random_.Below(4));
    if (random_.Below(10) < (fills ? 7U : 3U)) return Keep(c);
    if (random_.OneIn(20)) return TakeOldest(c);
    if (random_.OneIn(20)) {
      ASSERT_EQ(fixture_.shelf.TakeIdleCount(c), model_.TakeIdleCount(c));
      return;
    }
    Take(c);
  }
  void Check() const {
    EXPECT_EQ(fixture_.shelf.bytes(), model_.bytes());
    EXPECT_LE(model_.bytes(), BatchShelf::kMaxBytes);
    for (unsigned c = 1; c <= kSmallClasses; ++c) {
      ASSERT_EQ(fixture_.shelf.blocks(c), model_.stack(c).size());
    }
  }
  uint64_t refusals() const { return refusals_; }

 private:
  void Keep(unsigned c) {
    Blocks batch(1 + random_.Below(BatchShelf::kMaxBatch));
    for (void*& block : batch) block = PointerTo(Address(++made_ * 16));
    const auto n = static_cast<uint32_t>(batch.size());
    if (fixture_.shelf.Keep(c, batch.data(), n)) {
      model_.Keep(c, batch);
      return;
    }
    ++refusals_;
    EXPECT_GT(model_.bytes() + n * BlockBytes(c), BatchShelf::kMaxBytes);
  }
  void Take(unsigned c) {
    const auto want = static_cast<uint32_t>(1 + random_.Below(BatchShelf::kMaxBatch));
    void* out[BatchShelf::kMaxBatch];
    const uint32_t n = fixture_.shelf.Take(c, want, out);
    const Blocks& stack = model_.stack(c);
    ASSERT_LE(n, want);
    ASSERT_EQ(n == 0, stack.empty());
    ASSERT_TRUE(std::equal(out, out + n, stack.end() - n));
    model_.Remove(c, stack.size() - n, n);
  }
  void TakeOldest(unsigned c) {
    void* out[BatchShelf::kMaxBatch];
    const uint32_t n = fixture_.shelf.TakeOldest(c, out);
    const Blocks& stack = model_.stack(c);
    ASSERT_EQ(n == 0, stack.empty());
    ASSERT_TRUE(std::equal(out, out + n, stack.begin()));
    model_.Remove(c, 0, n);
  }

  ShelfFixture fixture_;
  ShelfModel model_;
  ScriptRandom random_{11};
  uint64_t made_ = 0;
  uint64_t refusals_ = 0;
};

TEST(BatchShelfTest, BehavesAsAStackPerClassOverARandomScript) {
  ShelfScript script;
  for (int step = 0; step < 60'000; ++step) {
    script.Step(step / 2000 % 2 == 0);
    if (step % 500 == 0) script.Check();
  }
  EXPECT_GT(script.refusals(), 0U);  // the bound was reached
}

TEST(BatchShelfTest, WhatItHoldsIsBoundedByItsRecordsToo) {
  ShelfFixture fixture;
  Blocks batch(BatchShelf::kMaxBatch, &fixture);
  uint32_t kept = 0;
  while (fixture.shelf.Keep(1, batch.data(), BatchShelf::kMaxBatch)) ++kept;
  EXPECT_EQ(kept, BatchShelf::kMaxBatches);
  EXPECT_EQ(fixture.shelf.bytes(), uint64_t{kept} * BatchShelf::kMaxBatch * 16);
  EXPECT_EQ(fixture.shelf.Take(1, BatchShelf::kMaxBatch, batch.data()), BatchShelf::kMaxBatch);
  EXPECT_TRUE(fixture.shelf.Keep(2, batch.data(), BatchShelf::kMaxBatch));
  EXPECT_FALSE(fixture.shelf.Keep(3, batch.data(), BatchShelf::kMaxBatch));
}

TEST(BatchShelfTest, WithoutARecordNothingIsKept) {
  ShelfFixture fixture;
  Blocks batch(BatchShelf::kMaxBatch, &fixture);
  fixture.memory.RefuseFrom(1);
  EXPECT_FALSE(fixture.shelf.Keep(1, batch.data(), BatchShelf::kMaxBatch));
  EXPECT_TRUE(fixture.shelf.is_empty());
  EXPECT_EQ(fixture.shelf.blocks(1), 0U);
  fixture.memory.RefuseFrom(0);
  EXPECT_TRUE(fixture.shelf.Keep(1, batch.data(), BatchShelf::kMaxBatch));
}

TEST(BatchShelfTest, RecordsGoBackOnceNobodyNeededThemForATurn) {
  ShelfFixture fixture;
  Blocks batch(BatchShelf::kMaxBatch, &fixture);
  for (int round = 0; round < 2; ++round) {
    const uint64_t before = fixture.memory.calls().release;
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(fixture.shelf.Keep(1, batch.data(), BatchShelf::kMaxBatch));
    }
    fixture.shelf.GiveBackRecords();
    fixture.shelf.GiveBackRecords();
    EXPECT_EQ(fixture.memory.calls().release, before);  // blocks wait there
    while (fixture.shelf.TakeOldest(1, batch.data()) != 0) continue;
    ASSERT_TRUE(fixture.shelf.Keep(1, batch.data(), BatchShelf::kMaxBatch));
    ASSERT_NE(fixture.shelf.TakeOldest(1, batch.data()), 0U);
    fixture.shelf.GiveBackRecords();
    EXPECT_EQ(fixture.memory.calls().release, before);  // one was needed a moment ago
    fixture.shelf.GiveBackRecords();
    EXPECT_GT(fixture.memory.calls().release, before);
    const uint64_t after = fixture.memory.calls().release;
    fixture.shelf.GiveBackRecords();
    EXPECT_EQ(fixture.memory.calls().release, after);  // once
  }
}

// Each block carries a word that only its owner touches: a block that two threads got shows as a
// wrong word, and under ThreadSanitizer as a race.
// A batch that did not fit into a record which is used up by the time it gets one of its own.
TEST(BatchShelfTest, WhatIsWithoutABlockIsAloneThoughOthersTakeMeanwhile) {
  ShelfFixture fixture;
  std::atomic<bool> stop{false};
  std::thread keeper([&] {
    Blocks batch(100, &fixture);
    while (!stop) fixture.shelf.Keep(5, batch.data(), 100);
  });
  std::thread taker([&] {
    void* out[BatchShelf::kMaxBatch];
    while (!stop) fixture.shelf.Take(5, BatchShelf::kMaxBatch, out);
  });
  for (int i = 0; i < 20'000; ++i) fixture.shelf.Verify();
  stop = true;
  keeper.join();
  taker.join();
  void* out[BatchShelf::kMaxBatch];
  while (fixture.shelf.TakeOldest(5, out) != 0) {}
  EXPECT_TRUE(fixture.shelf.is_empty());
}

TEST(BatchShelfTest, ThreadsPassBlocksThroughItOneOwnerAtATime) {
  constexpr unsigned kThreads = 4;
  constexpr uint32_t kBlocks = 2000;
  ShelfFixture fixture;
  std::vector<uint64_t> words(kThreads * kBlocks);
  Atomic<uint64_t> faults;
  auto work = [&](unsigned number) {
    ScriptRandom random(number + 1);
    Blocks mine;
    for (uint32_t i = 0; i < kBlocks; ++i) mine.push_back(&words[number * kBlocks + i]);
    for (void* block : mine) *static_cast<uint64_t*>(block) = number;
    for (int round = 0; round < 3000; ++round) {
      const auto n = static_cast<uint32_t>(1 + random.Below(BatchShelf::kMaxBatch));
      if (mine.size() >= n && random.OneIn(2)) {
        for (uint32_t i = 0; i < n; ++i) {
          faults.FetchAdd(*static_cast<uint64_t*>(mine[mine.size() - 1 - i]) == number ? 0U : 1U);
        }
        if (fixture.shelf.Keep(1, mine.data() + mine.size() - n, n)) mine.resize(mine.size() - n);
        continue;
      }
      void* out[BatchShelf::kMaxBatch];
      const uint32_t got =
          random.OneIn(5) ? fixture.shelf.TakeOldest(1, out) : fixture.shelf.Take(1, n, out);
      for (uint32_t i = 0; i < got; ++i) *static_cast<uint64_t*>(out[i]) = number;
      mine.insert(mine.end(), out, out + got);
    }
    while (!mine.empty()) {
      const auto n = static_cast<uint32_t>(std::min<size_t>(mine.size(), BatchShelf::kMaxBatch));
      EXPECT_TRUE(fixture.shelf.Keep(1, mine.data() + mine.size() - n, n));
      mine.resize(mine.size() - n);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < kThreads; ++number) threads.emplace_back(work, number);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults.LoadAcquire(), 0U);
  EXPECT_EQ(fixture.shelf.blocks(1), uint64_t{kThreads} * kBlocks);
}

// n blocks of a class, from as many spans as that takes.
Blocks TakeBlocks(SpanFixture& fixture, unsigned c, size_t n, PageCache& cache) {
  Blocks blocks;
  while (blocks.size() < n) {
    Span* const span = fixture.spans().TakeSpan(c, cache);
    uint32_t cursor = 0;
    void* out[SpanHeap::kMaxBatch];
    while (const uint32_t got =
               fixture.spans().TakeSlots(*span, SpanHeap::kMaxBatch, cursor, out)) {
      blocks.insert(blocks.end(), out, out + got);
    }
    fixture.spans().DropSpan(*span, cache);
  }
  return blocks;
}

// Shelves from the end as long as it may; how many blocks.
size_t ShelveFromEnd(SpanFixture& fixture, unsigned c, Blocks& blocks) {
  size_t shelved = 0;
  while (blocks.size() >= SpanHeap::kMaxBatch) {
    void* const* last = blocks.data() + blocks.size() - SpanHeap::kMaxBatch;
    if (!fixture.spans().Shelve(c, last, SpanHeap::kMaxBatch)) break;
    blocks.resize(blocks.size() - SpanHeap::kMaxBatch);
    shelved += SpanHeap::kMaxBatch;
  }
  return shelved;
}

void ReturnAll(SpanFixture& fixture, unsigned c, const Blocks& blocks, PageCache& cache) {
  fixture.spans().ReturnSlots(c, blocks.data(), static_cast<uint32_t>(blocks.size()), cache,
                              "test");
  fixture.pages().Flush(cache);
}

TEST(BatchShelfTest, SparesAreGivenUpWithTheShelf) {
  SpanFixture fixture;
  PageCache cache;
  Blocks blocks = TakeBlocks(fixture, 20, 5000, cache);
  const size_t all = blocks.size();
  const size_t shelved = ShelveFromEnd(fixture, 20, blocks);
  EXPECT_EQ(fixture.spans().shelved(20), shelved);
  EXPECT_EQ(fixture.VerifiedUse(), all);
  EXPECT_TRUE(fixture.spans().GiveUpSpares());
  EXPECT_EQ(fixture.spans().shelved(20), 0U);
  EXPECT_EQ(fixture.VerifiedUse(), blocks.size());
  ReturnAll(fixture, 20, blocks, cache);
  fixture.ExpectEmpty();
}

TEST(BatchShelfTest, TrimmingReturnsWhatNobodyNeededAndNoMore) {
  SpanFixture fixture;
  PageCache cache;
  Blocks blocks = TakeBlocks(fixture, 8, 4000, cache);
  const size_t shelved = ShelveFromEnd(fixture, 8, blocks);
  fixture.spans().GiveUpIdleSpares();  // asked for the first time: all came since
  EXPECT_EQ(fixture.spans().shelved(8), shelved);
  void* out[SpanHeap::kMaxBatch];
  ASSERT_EQ(fixture.spans().TakeShelved(8, SpanHeap::kMaxBatch, out), SpanHeap::kMaxBatch);
  ASSERT_TRUE(fixture.spans().Shelve(8, out, SpanHeap::kMaxBatch));
  fixture.spans().GiveUpIdleSpares();  // one batch was needed, the others were not
  EXPECT_EQ(fixture.spans().shelved(8), SpanHeap::kMaxBatch);
  fixture.spans().GiveUpIdleSpares();
  EXPECT_EQ(fixture.spans().shelved(8), 0U);
  ReturnAll(fixture, 8, blocks, cache);
  fixture.ExpectEmpty();
}

TEST(BatchShelfTest, ScatteredBlocksOfALargeClassAreNotForIt) {
  SpanFixture fixture;
  PageCache cache;
  Blocks blocks = TakeBlocks(fixture, 16, (9 << 20) / 256, cache);
  const Blocks in_order(blocks.begin(), blocks.begin() + SpanHeap::kMaxBatch);
  EXPECT_FALSE(IsScattered(in_order.data(), SpanHeap::kMaxBatch));
  EXPECT_TRUE(fixture.spans().Shelve(16, in_order.data(), SpanHeap::kMaxBatch));
  blocks.erase(blocks.begin(), blocks.begin() + SpanHeap::kMaxBatch);
  std::shuffle(blocks.begin(), blocks.end(), std::minstd_rand(3));
  EXPECT_TRUE(IsScattered(blocks.data(), SpanHeap::kMaxBatch));
  EXPECT_FALSE(fixture.spans().Shelve(16, blocks.data(), SpanHeap::kMaxBatch));
  ReturnAll(fixture, 16, blocks, cache);
  fixture.ExpectEmpty();
}

TEST(BatchShelfDeathTest, ABlockThatLiesThereTwiceIsNoticedWhenItGoesBack) {
  SpanFixture fixture;
  PageCache cache;
  Blocks blocks = TakeBlocks(fixture, 3, 200, cache);
  EXPECT_DEATH(
      {
        fixture.spans().Shelve(3, blocks.data(), 100);
        fixture.spans().Shelve(3, blocks.data() + 99, 50);
        fixture.spans().GiveUpSpares();
      },
      "free.*double free");
  ReturnAll(fixture, 3, blocks, cache);
  fixture.ExpectEmpty();
}

}  // namespace
}  // namespace spanheap
