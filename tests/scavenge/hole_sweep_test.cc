// SPDX-License-Identifier: MIT
#include "scavenge/hole_sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "spans/span_fixture.h"

namespace spanheap {
namespace {

constexpr uint32_t kAll = ~uint32_t{0};
constexpr Bytes kNoEnd{~size_t{0}};

// Takes every slot of some spans, frees all but some of them, and lets the spans go.
class HoleSweepTest : public testing::Test {
 protected:
  void SetUp() override { fixture_.spans().SetOsPage(os::PageSize()); }

  void TakeSpans(unsigned malloc_class, unsigned count) {
    class_ = malloc_class;
    for (unsigned i = 0; i < count; ++i) {
      Span* span = spans().TakeSpan(malloc_class, cache_);
      ASSERT_NE(span, nullptr);
      std::vector<void*> blocks(span->slots);
      uint32_t cursor = 0;
      ASSERT_EQ(spans().TakeSlots(*span, span->slots, cursor, blocks.data()), span->slots);
      for (void* block : blocks) memset(block, 0x5a, BlockBytes(malloc_class));
      blocks_.insert(blocks_.end(), blocks.begin(), blocks.end());
      spans().DropSpan(*span, cache_);
    }
  }
  // Every `kept`-th block stays.
  void FreeAllBut(size_t kept) {
    std::vector<void*> survivors;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      if (i % kept == 0) {
        survivors.push_back(blocks_[i]);
      } else {
        spans().ReturnSlots(class_, &blocks_[i], 1, cache_, "free");
      }
    }
    blocks_ = survivors;
  }
  Bytes Sweep() {
    sweep_.Begin();
    Bytes released;
    while (!sweep_.is_over()) released += sweep_.Go(fixture_.memory(), cache_, kNoEnd, kAll);
    return released;
  }
  bool AllIntact() const {
    for (const void* block : blocks_) {
      const auto* bytes = static_cast<const unsigned char*>(block);
      for (size_t i = 0; i < BlockBytes(class_); ++i) {
        if (bytes[i] != 0x5a) return false;
      }
    }
    return true;
  }
  void FreeRest() {
    for (void*& block : blocks_) spans().ReturnSlots(class_, &block, 1, cache_, "free");
    blocks_.clear();
    fixture_.pages().Flush(cache_);
    fixture_.ExpectEmpty();
    EXPECT_EQ(spans().hole_bytes(), 0U);
  }
  SpanHeap& spans() { return fixture_.spans(); }

  SpanFixture fixture_;
  PageCache cache_;
  HoleSweep sweep_{fixture_.spans()};
  unsigned class_ = 0;
  std::vector<void*> blocks_;
};

TEST_F(HoleSweepTest, GivesBackPagesWithoutABlockOnceASpanWasLeftAlone) {
  TakeSpans(MallocClassFor(200), 20);
  FreeAllBut(100);
  EXPECT_EQ(Sweep().value, 0U);
  EXPECT_TRUE(sweep_.is_pending());
  const Bytes released = Sweep();
  const uint64_t all = spans().small_bytes();
  EXPECT_GE(released.value, all - 2 * os::PageSize().value * blocks_.size());
  EXPECT_EQ(spans().hole_bytes(), released.value);
  EXPECT_TRUE(AllIntact());
  fixture_.VerifiedUse();
  EXPECT_EQ(Sweep().value, 0U);
  EXPECT_FALSE(sweep_.is_pending());
  FreeRest();
}

TEST_F(HoleSweepTest, KeepsEveryBlockOfEveryClassIntact) {
  for (unsigned c = 1; c <= kSmallClasses; c += 5) {
    TakeSpans(c, 3);
    FreeAllBut(2 + c % 7);
    Sweep();
    Sweep();
    ASSERT_TRUE(AllIntact()) << BlockBytes(c);
    FreeRest();
  }
}

TEST_F(HoleSweepTest, FindsWhatWasFreedAfterItLooked) {
  TakeSpans(MallocClassFor(1024), 8);
  FreeAllBut(3);
  Sweep();
  const Bytes first = Sweep();
  FreeAllBut(5);
  EXPECT_GT(Sweep().value, 0U);
  EXPECT_TRUE(AllIntact());
  EXPECT_LT(first.value, spans().hole_bytes());
  FreeRest();
}

TEST_F(HoleSweepTest, RefillsPreferSlotsThatTouchNoHole) {
  TakeSpans(MallocClassFor(64), 1);
  FreeAllBut(100);
  Sweep();
  Sweep();
  const uint64_t holes = spans().hole_bytes();
  ASSERT_GT(holes, 0U);
  Span* span = spans().TakeSpan(class_, cache_);
  ASSERT_NE(span, nullptr);
  uint32_t cursor = 0;
  void* blocks[8];
  ASSERT_EQ(spans().TakeSlots(*span, 8, cursor, blocks), 8U);
  EXPECT_EQ(spans().hole_bytes(), holes);
  std::vector<void*> rest(span->slots);
  const uint32_t n = spans().TakeSlots(*span, span->slots, cursor, rest.data());
  EXPECT_EQ(spans().hole_bytes(), 0U);
  for (uint32_t i = 0; i < n; ++i) memset(rest[i], 0x5a, 64);
  blocks_.insert(blocks_.end(), blocks, blocks + 8);
  blocks_.insert(blocks_.end(), rest.begin(), rest.begin() + n);
  spans().DropSpan(*span, cache_);
  FreeRest();
}

TEST_F(HoleSweepTest, RefillsUseWhatIsBackedInAllSpansBeforeAHole) {
  TakeSpans(MallocClassFor(512), 4);
  FreeAllBut(40);
  Sweep();
  Sweep();
  const uint64_t holes = spans().hole_bytes();
  ASSERT_GT(holes, 0U);
  const size_t backed = (spans().small_bytes() - holes) / 512 - blocks_.size();
  uint32_t cursor = 0;
  for (size_t taken = 0; taken < backed;) {
    Span* span = spans().TakeSpan(class_, cache_);
    ASSERT_NE(span, nullptr);
    void* blocks[8];
    const auto want = static_cast<uint32_t>(std::min<size_t>(std::size(blocks), backed - taken));
    const uint32_t n = spans().TakeSlots(*span, want, cursor, blocks);
    ASSERT_GT(n, 0U);
    for (uint32_t i = 0; i < n; ++i) memset(blocks[i], 0x5a, 512);
    blocks_.insert(blocks_.end(), blocks, blocks + n);
    taken += n;
    spans().DropSpan(*span, cache_);
  }
  EXPECT_EQ(spans().hole_bytes(), holes);
  EXPECT_TRUE(AllIntact());
  FreeRest();
}

TEST_F(HoleSweepTest, LeavesSpansAloneThatAreInUse) {
  TakeSpans(MallocClassFor(200), 2);
  FreeAllBut(400);
  Span* held = spans().TakeSpan(class_, cache_);
  Sweep();
  EXPECT_LT(Sweep().value, spans().small_bytes() / 2);
  EXPECT_EQ(held->holes.LoadAcquire(), 0U);
  spans().DropSpan(*held, cache_);
  FreeRest();
}

TEST_F(HoleSweepTest, LockedPagesStayAsTheyAre) {
  TakeSpans(MallocClassFor(200), 4);
  FreeAllBut(400);
  fixture_.memory().set_locked(true);
  Sweep();
  EXPECT_EQ(Sweep().value, 0U);
  EXPECT_EQ(spans().hole_bytes(), 0U);
  EXPECT_FALSE((Sweep(), sweep_.is_pending()));
  fixture_.memory().set_locked(false);
  FreeRest();
}

}  // namespace
}  // namespace spanheap
