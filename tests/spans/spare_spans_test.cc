// SPDX-License-Identifier: MIT
//
// SpareSpans against one vector per class, and empty spans in the span heap that keeps them.
#include "spans/spare_spans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "models/script_random.h"
#include "span_fixture.h"

namespace spanheap {
namespace {

// A megabyte of a class, from two to sixteen spans.
size_t DepthOf(unsigned c) {
  return std::clamp<size_t>((1 << 20) / BytesOf(Pages(kMallocClasses[c].span_pages)).value, 2, 16);
}

TEST(SpareSpansTest, BehavesAsAVectorPerClassOverARandomScript) {
  ScriptRandom random(1);
  std::vector<Span> records(64);
  SpareSpans spares;
  std::vector<Span*> model[kSmallClasses + 1];
  size_t count = 0;
  for (uint32_t step = 0; step < 100'000; ++step) {
    const auto c = static_cast<unsigned>(1 + random.Below(kSmallClasses));
    if (random.Below(10) < (step / 2000 % 2 == 0 ? 7U : 2U)) {
      Span* const span = &records[random.Below(records.size())];
      const bool has_room = model[c].size() < DepthOf(c);
      ASSERT_EQ(spares.Keep(c, span), has_room) << "step " << step;
      if (has_room) model[c].push_back(span), ++count;
    } else {
      Span* const expected = model[c].empty() ? nullptr : model[c].back();
      ASSERT_EQ(spares.Take(c), expected) << "step " << step;
      if (expected != nullptr) model[c].pop_back(), --count;
    }
    ASSERT_EQ(spares.is_empty(), count == 0);
  }
}

TEST(SpareSpansTest, AnEmptySpanServesTheNextRequestOfItsClass) {
  SpanFixture fixture;
  PageCache pages;
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    Span* const span = fixture.spans().TakeSpan(c, pages);
    ASSERT_NE(span, nullptr);
    fixture.spans().DropSpan(*span, pages);  // all slots free: nobody needs it
    EXPECT_EQ(fixture.spans().span_count(c), 1U);
    EXPECT_TRUE(span->ownership.is_held());
    EXPECT_EQ(span->ownership.free_count(), span->slots);
    Span* const again = fixture.spans().TakeSpan(c, pages);
    EXPECT_EQ(again, span);
    fixture.spans().DropSpan(*again, pages);
  }
  EXPECT_EQ(fixture.VerifiedUse(), 0U);
  EXPECT_TRUE(fixture.spans().GiveUpSpares());
  EXPECT_FALSE(fixture.spans().GiveUpSpares());
  fixture.pages().Flush(pages);
  fixture.ExpectEmpty();
}

TEST(SpareSpansTest, ThePageHeapAsksForSpareSpansBeforeItAsksTheSystem) {
  SpanFixture fixture;
  PageCache pages;
  std::vector<Span*> spans;
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    for (unsigned i = 0; i < 2; ++i) spans.push_back(fixture.spans().TakeSpan(c, pages));
  }
  for (Span* span : spans) {
    ASSERT_NE(span, nullptr);
    fixture.spans().DropSpan(*span, pages);
  }
  fixture.pages().Flush(pages);
  EXPECT_GT(fixture.spans().small_bytes(), 0U);
  fixture.memory().RefuseFrom(1);
  // Wants every page that was ever grown.
  const uint64_t grown = fixture.pages().ReadStats().grown;
  const PageRun all = fixture.pages().Allocate(PagesFor(Bytes(grown)));
  EXPECT_EQ(all.count, PagesFor(Bytes(grown)));
  EXPECT_EQ(fixture.spans().small_bytes(), 0U);
  fixture.pages().Free(all.first, all.count);
  fixture.ExpectEmpty();
}

}  // namespace
}  // namespace spanheap
