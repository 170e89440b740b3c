// SPDX-License-Identifier: MIT
//
// Spans over a plain world: what a sweep leaves, and what freeing by hand gives back.
#include "collect/span_store.h"

#include <cstring>
#include <random>
#include <set>

#include "model_world.h"

namespace spanheap::collected {
namespace {

class SpanStoreTest : public testing::Test {
 protected:
  SpanStore& store() { return world_.heap.store; }
  void Free(void* object) {
    store().Free(ObjectFinder(store()).Find(reinterpret_cast<uintptr_t>(object)));
  }

  ModelWorld world_;
  sh_layout node_ = PreciseLayout(4, &kFirstTwoWords);
  sh_layout typed_ = PreciseLayout(100, kSparse);
  sh_layout bytes_ = PlainLayout(1);

 private:
  static constexpr uint64_t kSparse[2] = {1, 1};
};

TEST_F(SpanStoreTest, ASweepFreesWhatIsNotMarkedAndGivesEmptySpansBack) {
  constexpr int kObjects = 4000;
  for (int i = 0; i < kObjects; ++i) {
    void* const object = world_.New(node_);
    if (i < kObjects / 10) world_.roots.push_back(object);
  }
  const uint64_t full = store().ReadStats().span_bytes;
  world_.Collect();
  EXPECT_EQ(world_.AllocatedSlots(), world_.roots.size());
  EXPECT_LE(store().ReadStats().span_bytes, full / 5);
  EXPECT_EQ(store().ReadStats().freed_objects, uint64_t{kObjects - kObjects / 10});
}

// Not ahead of need, but before new pages are taken, whatever died there.
TEST_F(SpanStoreTest, ASmallHeapIsSweptByWhoNeedsSlots) {
  constexpr int kObjects = 4000;
  for (int cycle = 0; cycle < 4; ++cycle) {
    for (int i = 0; i < kObjects; ++i) world_.New(node_);
    const uint64_t full = store().pages_in_use();
    world_.ReleaseCaches();
    world_.heap.RunCycle(false);
    ASSERT_TRUE(store().sweeps_lazily());
    EXPECT_EQ(store().pages_in_use(), full);
    const uint32_t unswept = store().unswept();
    for (int i = 0; i < kObjects / 8; ++i) {
      auto* const words = static_cast<uint64_t*>(world_.New(node_));
      for (int w = 0; w < 4; ++w) ASSERT_EQ(words[w], 0U);
      for (int w = 2; w < 4; ++w) words[w] = ~uint64_t{0};
    }
    EXPECT_EQ(store().pages_in_use(), full) << "spans of the kind are used again";
    EXPECT_LT(store().unswept(), unswept);
    for (int i = 0; i < kObjects / 4; ++i) world_.New(bytes_, 100);
    EXPECT_LE(store().pages_in_use(), full) << "and the others' pages";
    world_.heap.FinishSweep();
    world_.ReleaseCaches();
    store().Verify();
  }
}

TEST_F(SpanStoreTest, ALargerHeapAndOneThatSomebodyWaitsForAreNotSweptLazily) {
  world_.New(node_);
  world_.heap.RunCycle(true);
  EXPECT_FALSE(store().sweeps_lazily());
  world_.heap.FinishSweep();
  while (store().pages_in_use() < 1500) world_.New(bytes_, 500);
  world_.heap.RunCycle(false);
  EXPECT_FALSE(store().sweeps_lazily());
}

// Who has found a dead object through a weak handle looks up its span, and somebody sweeps first.
TEST_F(SpanStoreTest, NobodyWaitsForTheSpanOfAnObjectWhosePagesHaveGoneBack) {
  void* const object = world_.New(node_);
  const ObjectFinder finder(store());
  const ObjectRef found = finder.Find(reinterpret_cast<uintptr_t>(object));
  ASSERT_TRUE(found);
  world_.ReleaseCaches();
  world_.Collect();
  store().EnsureSwept(&finder.SpanOf(found));
  EXPECT_FALSE(finder.Find(reinterpret_cast<uintptr_t>(object)));
}

TEST_F(SpanStoreTest, PagesForALargeObjectAreReclaimedPieceByPiece) {
  constexpr Pages kWanted{1500};
  for (int i = 0; i < 400'000; ++i) world_.New(i % 16 == 0 ? typed_ : node_);
  world_.ReleaseCaches();
  world_.heap.RunCycle(true);
  const uint64_t before = store().pages_in_use();
  ASSERT_GT(before, 2 * kWanted.value);
  int pieces = 1;
  for (uint64_t swept = store().swept_pages(); store().ReclaimSome(before, kWanted); ++pieces) {
    EXPECT_GE(store().swept_pages(), swept + SpanStore::kReclaimStep.value);
    EXPECT_LE(store().swept_pages(), swept + SpanStore::kReclaimStep.value + 16);
    swept = store().swept_pages();
  }
  EXPECT_GE(pieces, 5);
  EXPECT_LE(store().pages_in_use() + kWanted.value, before);
  EXPECT_NE(store().unswept(), 0U);
  while (store().ReclaimSome(before, Pages(1 << 20))) {}
  EXPECT_EQ(store().unswept(), 0U);
}

TEST_F(SpanStoreTest, FreedSlotsComeAgainAsZeros) {
  for (sh_layout* layout : {&node_, &typed_}) {
    std::vector<void*> objects;
    for (int i = 0; i < 1000; ++i) {
      objects.push_back(world_.New(*layout));
      memset(objects.back(), 0x5a, layout->size);
    }
    world_.ReleaseCaches();
    const uint64_t before = store().ReadStats().span_bytes;
    for (size_t i = 0; i < objects.size(); i += 2) Free(objects[i]);
    for (size_t i = 0; i < objects.size(); i += 2) {
      auto* const words = static_cast<uint64_t*>(world_.New(*layout));
      for (size_t w = 0; w < layout->size / 8; ++w) ASSERT_EQ(words[w], 0U);
    }
    EXPECT_EQ(store().ReadStats().span_bytes, before);
    store().Verify();
  }
}

TEST_F(SpanStoreTest, ASpanWhoseLastObjectIsFreedIsGivenBack) {
  std::vector<void*> objects;
  for (int i = 0; i < 500; ++i) objects.push_back(world_.New(node_));
  for (int i = 0; i < 5; ++i) objects.push_back(world_.New(bytes_, 100'000));
  world_.ReleaseCaches();
  for (void* object : objects) Free(object);
  EXPECT_EQ(store().ReadStats().span_bytes, 0U);
  EXPECT_EQ(world_.AllocatedSlots(), 0U);
  store().Verify();
}

TEST_F(SpanStoreTest, ARecordThatGotNoPagesTakesNothingAlong) {
  world_.New(bytes_);
  MemoryGauge& gauge = store().pages().gauge();
  gauge.SetCeiling(1);
  EXPECT_EQ(world_.New(typed_), nullptr);
  gauge.SetCeiling(MemoryGauge::kNone);
  void* const large = world_.New(typed_, 1000);
  const ObjectRef ref = ObjectFinder(store()).Find(reinterpret_cast<uintptr_t>(large));
  const CollectedSpan& span = ObjectFinder(store()).SpanOf(ref);
  EXPECT_EQ(span.type_ids, nullptr);
  EXPECT_NE(span.type_id.LoadAcquire(), 0U);
}

TEST_F(SpanStoreTest, WhatAThreadHoldsIsSweptBesideIt) {
  for (int i = 0; i < 100; ++i) world_.New(node_);
  world_.heap.RunCycle(false);
  world_.heap.FinishSweep();
  ASSERT_NE(store().unswept(), 0U) << "what the thread holds";
  const int stops = world_.handshakes;
  world_.heap.SweepHeld();
  EXPECT_EQ(store().unswept(), 0U);
  EXPECT_EQ(world_.handshakes, stops);
  EXPECT_EQ(store().ReadStats().freed_objects, 100U);
}

TEST_F(SpanStoreTest, FreeingByHandAndCyclesAgreeWithAShadow) {
  std::minstd_rand random(7);
  std::set<void*> live;
  for (int step = 0; step < 20'000; ++step) {
    if (live.empty() || random() % 5 < 3) {
      const size_t count = random() % 40 == 0 ? 50'000 : 32 + random() % 500;
      void* const object = random() % 2 == 0 ? world_.New(random() % 8 == 0 ? typed_ : node_)
                                             : world_.New(bytes_, count);
      ASSERT_EQ(*static_cast<uint64_t*>(object), 0U);
      *static_cast<uint64_t*>(object) = ~uint64_t{0};
      ASSERT_TRUE(live.insert(object).second) << "it was live already";
    } else {
      auto at = live.lower_bound(reinterpret_cast<char*>(random() * uint64_t{0x10001}));
      if (at == live.end()) at = live.begin();
      Free(*at);
      live.erase(at);
    }
    if (step % 4000 != 3999) continue;
    world_.roots.assign(live.begin(), live.end());
    world_.Collect();
    ASSERT_EQ(world_.AllocatedSlots(), live.size());
  }
}

}  // namespace
}  // namespace spanheap::collected
