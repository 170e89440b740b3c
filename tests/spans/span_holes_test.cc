// SPDX-License-Identifier: MIT
//
// SpanHoles on spans of every class with random free slots, against a plain look at each byte.
#include "spans/span_holes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/bits.h"
#include "base/count_ones.h"
#include "span_fixture.h"

namespace spanheap {
namespace {

constexpr Bytes kOsPage{4096};

// A held span, all its slots taken; each survives with a chance of `kept` in 100.
class SpanHolesTest : public testing::Test {
 protected:
  void TakeSpan(unsigned malloc_class, unsigned kept) {
    span_ = fixture_.spans().TakeSpan(malloc_class, cache_);
    ASSERT_NE(span_, nullptr);
    std::vector<void*> blocks(span_->slots);
    uint32_t cursor = 0;
    ASSERT_EQ(fixture_.spans().TakeSlots(*span_, span_->slots, cursor, blocks.data()),
              span_->slots);
    for (void* block : blocks) {
      if (random_() % 100 < kept) {
        live_.push_back(block);
      } else {
        fixture_.spans().ReturnSlots(malloc_class, &block, 1, cache_, "free");
      }
    }
  }
  void FreeRest(unsigned malloc_class) {
    span_->holes.StoreRelaxed(0);  // relaxed: one thread; nothing was given to the OS
    for (void*& block : live_) {
      fixture_.spans().ReturnSlots(malloc_class, &block, 1, cache_, "free");
    }
    live_.clear();
    fixture_.spans().DropSpan(*span_, cache_);
    fixture_.pages().Flush(cache_);
    fixture_.ExpectEmpty();
  }
  // Units that slots have bytes on, but no live block.
  uint32_t PlainFreeUnits(Bytes unit) {
    const size_t slots = DivideUp(size_t{span_->slots} * span_->block_bytes, unit.value);
    const size_t units = std::min(slots, BytesOf(Pages(span_->pages)) / unit);
    const Address start = fixture_.pages().AddressOf(span_->first);
    uint32_t free = 0;
    for (unsigned i = 0; i < units; ++i) {
      const size_t from = i * unit.value;
      bool any = false;
      for (const void* block : live_) {
        const size_t at = (AddressOf(block) - start).value;
        any = any || (at < from + unit.value && from < at + span_->block_bytes);
      }
      if (!any) free |= uint32_t{1} << i;
    }
    return free;
  }

  SpanFixture fixture_;
  PageCache cache_;
  std::mt19937 random_{11};
  Span* span_ = nullptr;
  std::vector<void*> live_;
};

TEST_F(SpanHolesTest, ClaimsExactlyTheUnitsWithoutABlock) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    for (const unsigned kept : {1U, 10U, 60U}) {
      TakeSpan(c, kept);
      SpanHoles holes(*span_, kOsPage);
      ASSERT_EQ(holes.unit().value % kOsPage.value, 0U);
      const uint32_t free = PlainFreeUnits(holes.unit());
      const uint32_t before = span_->ownership.free_count();
      const uint32_t claimed = holes.Claim();
      ASSERT_EQ(claimed, free) << "class " << c;
      holes.Finish(claimed, claimed);
      ASSERT_EQ(span_->ownership.free_count(), before) << "class " << c;
      ASSERT_EQ(span_->holes.LoadAcquire(), claimed);
      ASSERT_EQ(holes.Claim(), 0U);  // they are holes already
      FreeRest(c);
    }
  }
}

TEST_F(SpanHolesTest, AClaimKeepsEverybodyOffItsUnits) {
  const unsigned c = MallocClassFor(208);
  TakeSpan(c, 5);
  SpanHoles holes(*span_, kOsPage);
  const uint32_t claimed = holes.Claim();
  ASSERT_NE(claimed, 0U);
  std::vector<void*> rest(span_->slots);
  uint32_t cursor = 0;
  const uint32_t n = fixture_.spans().TakeSlots(*span_, span_->slots, cursor, rest.data());
  const Address start = fixture_.pages().AddressOf(span_->first);
  for (uint32_t i = 0; i < n; ++i) {
    const size_t first = (AddressOf(rest[i]) - start).value / holes.unit().value;
    const size_t last =
        ((AddressOf(rest[i]) - start).value + span_->block_bytes - 1) / holes.unit().value;
    EXPECT_EQ(claimed >> first & 1, 0U);
    EXPECT_EQ(claimed >> last & 1, 0U);
  }
  live_.insert(live_.end(), rest.begin(), rest.begin() + n);
  holes.Finish(claimed, 0);  // the OS refused
  EXPECT_EQ(span_->holes.LoadAcquire(), 0U);
  FreeRest(c);
}

TEST_F(SpanHolesTest, NoHoleIsLeftOnceEverySlotIsTaken) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    TakeSpan(c, 0);
    SpanHoles holes(*span_, kOsPage);
    const uint32_t claimed = holes.Claim();
    holes.Finish(claimed, claimed);
    fixture_.spans().NoteHoles(static_cast<int64_t>(CountOnes(claimed) * holes.unit().value));
    live_.resize(span_->slots);
    uint32_t cursor = 0;
    ASSERT_EQ(fixture_.spans().TakeSlots(*span_, span_->slots, cursor, live_.data()), span_->slots);
    EXPECT_EQ(span_->holes.LoadAcquire(), 0U) << "class " << c;
    EXPECT_EQ(fixture_.spans().hole_bytes(), 0U) << "class " << c;
    FreeRest(c);
  }
}

TEST_F(SpanHolesTest, AFullSpanHasNone) {
  TakeSpan(MallocClassFor(64), 100);
  EXPECT_EQ(SpanHoles(*span_, kOsPage).Claim(), 0U);
  FreeRest(MallocClassFor(64));
}

}  // namespace
}  // namespace spanheap
