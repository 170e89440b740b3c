// SPDX-License-Identifier: MIT
//
// Which stores note the page they go to, and when.
#include "mutators/page_notes.h"

#include <gtest/gtest.h>

#include "mutators/barrier.h"
#include "mutators/inline_data.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

constexpr size_t kPages = 4;
constexpr size_t kWords = size_t{8192} / sizeof(void*);

// Pages 1 and 2 hold collected objects.
struct Pages {
  alignas(8192) void* words[kPages * kWords];
  Atomic<uint8_t> kinds[kPages];
  Atomic<uint8_t> notes[kPages];

  PageNotes All() { return {reinterpret_cast<uintptr_t>(words), sizeof words, kinds, notes}; }
  void** Page(size_t n) { return words + n * kWords; }
  bool IsNoted(size_t n) const { return notes[n].LoadRelaxed() == PageNotes::kNoted; }
};

Pages& ThePages() {
  static Pages pages;
  pages.kinds[1].StoreRelaxed(1);
  pages.kinds[2].StoreRelaxed(1);
  for (auto& note : pages.notes) note.StoreRelaxed(0);
  return pages;
}

class PageNotesTest : public testing::Test {
 protected:
  PageNotesTest() { SetNoting(pages_.All()); }
  ~PageNotesTest() override { SetBarrier(false); }

  Pages& pages_ = ThePages();
  void* value_ = this;
};

TEST_F(PageNotesTest, FindsPagesOfCollectedObjectsOnly) {
  const PageNotes notes = pages_.All();
  EXPECT_EQ(notes.Find(pages_.Page(0)), nullptr);
  EXPECT_EQ(notes.Find(pages_.Page(1)), &pages_.notes[1]);
  EXPECT_EQ(notes.Find(pages_.Page(3) - 1), &pages_.notes[2]);
  EXPECT_EQ(notes.Find(&value_), nullptr);
  EXPECT_EQ(PageNotes().Find(&value_), nullptr);
}

TEST_F(PageNotesTest, EachKindOfStoreNotesItsPage) {
  void** const slot = pages_.Page(1);
  detail::StorePointer(slot, value_);
  EXPECT_EQ(*slot, value_);
  EXPECT_TRUE(pages_.IsNoted(1));
  EXPECT_FALSE(pages_.IsNoted(2));
  const auto expect_noted = [&](auto&& store) {
    pages_.notes[2].StoreRelaxed(0);
    store(pages_.Page(2) + 5);
    EXPECT_TRUE(pages_.IsNoted(2));
    EXPECT_EQ(pages_.Page(2)[5], value_);
    pages_.Page(2)[5] = nullptr;
  };
  expect_noted([&](void** at) { sh_gc_store(at, value_); });
  expect_noted([&](void** at) { sh_gc_store_release(at, value_); });
  expect_noted([&](void** at) { sh_gc_exchange(at, value_); });
  expect_noted([&](void** at) {
    void* expected = nullptr;
    EXPECT_EQ(sh_gc_compare_exchange(at, &expected, value_), 1);
  });
  expect_noted([&](void** at) { sh_gc_store_many(at, &value_, 1); });
}

TEST_F(PageNotesTest, StoresElsewhereNoteNothing) {
  sh_gc_store(pages_.Page(0), value_);
  void* outside = nullptr;
  sh_gc_store(&outside, value_);
  EXPECT_EQ(outside, value_);
  EXPECT_EQ(*pages_.Page(0), value_);
  for (size_t n = 0; n < kPages; ++n) EXPECT_FALSE(pages_.IsNoted(n));
}

TEST_F(PageNotesTest, WhatTheCollectorHasPutThereStays) {
  pages_.notes[1].StoreRelaxed(1);
  sh_gc_store(pages_.Page(1), value_);
  EXPECT_EQ(pages_.notes[1].LoadRelaxed(), 1);
}

TEST_F(PageNotesTest, NothingIsNotedWithoutBeingToldTo) {
  SetBarrier(false);
  sh_gc_store(pages_.Page(1), value_);
  detail::StorePointer(pages_.Page(1), value_);
  EXPECT_FALSE(pages_.IsNoted(1));
  EXPECT_FALSE(IsBarrierOn());
}

TEST_F(PageNotesTest, ToNotePagesIsNoBarrier) { EXPECT_FALSE(IsBarrierOn()); }

}  // namespace
}  // namespace spanheap
