// SPDX-License-Identifier: MIT
#include "spans/central_list.h"

#include <gtest/gtest.h>

#include "os/fake_memory.h"

namespace spanheap {
namespace {

constexpr unsigned kClass = 5;
constexpr uint32_t kSlots = 64;

class CentralListTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(table_.Init(memory_, {4096})); }
  // A span at `page` that its holder has dropped with `free` slots left.
  Span* Dropped(uint32_t page, uint32_t free) {
    Span* const span = table_.Allocate(kSlots);
    span->first = PageIndex(page);
    span->malloc_class = kClass;
    span->ownership.Begin(kSlots);
    EXPECT_EQ(span->ownership.Take(kSlots - free), kSlots - free);
    EXPECT_EQ(span->ownership.Drop(kSlots), OwnershipWord::Next::kList);
    return span;
  }
  Span* Listed(uint32_t page, uint32_t free, bool backed = true) {
    Span* const span = Dropped(page, free);
    EXPECT_TRUE(list_.Put(table_, span, backed));
    return span;
  }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  SpanTable table_;
  CentralList list_;
};

TEST_F(CentralListTest, GivesTheFullestFirstAndTheLowestAmongThem) {
  Span* const empty_low = Listed(1, 60);
  Span* const half = Listed(3, 30);
  Span* const full_high = Listed(9, 2);
  Span* const full_low = Listed(4, 3);
  EXPECT_EQ(list_.span_count(), 4U);
  for (Span* const expected : {full_low, full_high, half, empty_low}) {
    EXPECT_EQ(list_.Take(table_), expected);
    EXPECT_TRUE(expected->ownership.is_held());
    EXPECT_EQ(expected->link.LoadAcquire(), 0U);
  }
  EXPECT_EQ(list_.Take(table_), nullptr);
  EXPECT_EQ(list_.span_count(), 0U);
}

TEST_F(CentralListTest, GivesSpansWithoutABackedSlotLast) {
  Span* const away_full = Listed(1, 2, false);
  Span* const away = Listed(2, 60, false);
  EXPECT_FALSE(list_.has_backed());
  Span* const backed = Listed(3, 60);
  EXPECT_TRUE(list_.has_backed());
  EXPECT_EQ(list_.Take(table_), backed);
  EXPECT_FALSE(list_.has_backed());
  EXPECT_EQ(list_.Take(table_), away_full);
  EXPECT_TRUE(list_.TakeThis(table_, away, kClass));
  EXPECT_FALSE(list_.has_backed());
  EXPECT_EQ(list_.span_count(), 0U);
}

TEST_F(CentralListTest, DoesNotTakeInASpanThatBecameEmptyMeanwhile) {
  Span* const span = Dropped(1, 10);
  EXPECT_EQ(span->ownership.Return(kSlots - 10, kSlots), OwnershipWord::Next::kNothing);
  EXPECT_FALSE(list_.Put(table_, span, true));
  EXPECT_TRUE(span->ownership.is_held());
  EXPECT_EQ(list_.Take(table_), nullptr);
}

TEST_F(CentralListTest, TakesOutASpanThatIsEmptyOnly) {
  Span* const span = Listed(1, 10);
  EXPECT_FALSE(list_.TakeIfEmpty(table_, span, kClass));
  EXPECT_EQ(span->ownership.Return(kSlots - 10, kSlots), OwnershipWord::Next::kNothing);
  EXPECT_FALSE(list_.TakeIfEmpty(table_, span, kClass + 1));  // another class's caller
  EXPECT_TRUE(list_.TakeIfEmpty(table_, span, kClass));
  EXPECT_TRUE(span->ownership.is_held());
  EXPECT_FALSE(list_.TakeIfEmpty(table_, span, kClass));
  EXPECT_EQ(list_.Take(table_), nullptr);
}

TEST_F(CentralListTest, AnEmptySpanCanBeTakenFromTheMiddle) {
  Listed(1, 10);
  Span* const middle = Listed(2, 10);
  Listed(3, 10);
  EXPECT_EQ(middle->ownership.Return(kSlots - 10, kSlots), OwnershipWord::Next::kNothing);
  EXPECT_TRUE(list_.TakeIfEmpty(table_, middle, kClass));
  EXPECT_EQ(list_.Take(table_)->first, PageIndex(1));
  EXPECT_EQ(list_.Take(table_)->first, PageIndex(3));
  EXPECT_EQ(list_.Take(table_), nullptr);
}

}  // namespace
}  // namespace spanheap
