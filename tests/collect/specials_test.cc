// SPDX-License-Identifier: MIT
//
// The facts of objects over a plain world: what takes effect at which death, in which order.
#include "collect/specials.h"

#include <string>

#include "model_world.h"

namespace spanheap::collected {
namespace {

int destroyed;
sh_layout Destroyed(uint32_t when) {
  sh_layout layout = PreciseLayout(2, &kFirstWord);
  layout.flags = when;
  layout.destroy = [](void*) { ++destroyed; };
  return layout;
}

class SpecialsTest : public testing::Test {
 protected:
  SpecialsTest() { destroyed = 0; }

  ObjectRef RefOf(void* object) {
    return ObjectFinder(world_.heap.store).Find(reinterpret_cast<uintptr_t>(object));
  }
  void** New(sh_layout& layout) { return static_cast<void**>(world_.New(layout)); }
  // The kinds of what is queued, in order: d, f, c.
  std::string RunQueued() {
    std::string kinds;
    while (Special* const special = specials().TakeQueued(nullptr)) {
      if (special->was == SpecialKind::kDestructLater) Specials::RunDestructor(*special);
      kinds += special->was == SpecialKind::kDestructLater ? 'd'
               : special->was == SpecialKind::kFinalizer   ? 'f'
                                                           : 'c';
      specials().Finish(special, nullptr);
    }
    return kinds;
  }
  // By how much the bytes that the object holds elsewhere have changed.
  int64_t Adjusted(void* object, int64_t bytes) {
    EXPECT_TRUE(specials().AdjustExternal(RefOf(object), bytes));
    return bytes;
  }
  Specials& specials() { return world_.heap.specials; }

  ModelWorld world_;
  sh_layout plain_ = PreciseLayout(2, &kFirstWord);
  sh_layout handle_ = PlainLayout(8);
};

void* const kFunction = reinterpret_cast<void*>(1);

TEST_F(SpecialsTest, AWeakHandleLivesByItsFactAndEndsWithTheObject) {
  void** const object = New(plain_);
  auto* const handle = static_cast<Atomic<uintptr_t>*>(world_.New(handle_));
  const auto address = reinterpret_cast<uintptr_t>(object);
  handle->StoreRelease(address);
  const auto word = reinterpret_cast<uintptr_t>(handle);
  EXPECT_EQ(specials().WeakHandle(RefOf(object), address, word, nullptr), word);
  EXPECT_EQ(specials().WeakHandle(RefOf(object), address, 0, nullptr), word) << "one per address";
  world_.roots.push_back(object);
  world_.Collect();
  EXPECT_EQ(handle->LoadAcquire(), address);
  EXPECT_EQ(world_.AllocatedSlots(), 2U);
  world_.roots = {handle};
  world_.Collect();
  EXPECT_EQ(handle->LoadAcquire(), 0U);
  EXPECT_EQ(world_.AllocatedSlots(), 1U);
}

TEST_F(SpecialsTest, FinalizerDestructorCleanupEachHaveADeathOfTheirOwn) {
  sh_layout layout = Destroyed(SH_FINALIZE_LATER);
  void** const object = New(layout);
  EXPECT_TRUE(specials().SetFinalizer(RefOf(object), kFunction, 0, nullptr));
  EXPECT_TRUE(specials().SetDestructor(RefOf(object), layout, 1));
  EXPECT_NE(specials().AddCleanup(RefOf(object), kFunction, 0, nullptr), 0U);
  for (const char* what : {"f", "d", "c", ""}) {
    world_.Collect();
    EXPECT_EQ(RunQueued(), what);
  }
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(world_.AllocatedSlots(), 0U);
}

TEST_F(SpecialsTest, FinalizersRunFromTheTopAndDestructorsAllAtOnce) {
  sh_layout layout = Destroyed(SH_FINALIZE_LATER);
  void** chain[2][4] = {};
  for (int i = 0; i < 4; ++i) {
    chain[0][i] = New(plain_);
    chain[1][i] = New(layout);
    EXPECT_TRUE(specials().SetFinalizer(RefOf(chain[0][i]), kFunction, 0, nullptr));
    EXPECT_TRUE(specials().SetDestructor(RefOf(chain[1][i]), layout, 1));
    if (i != 0) chain[0][i][0] = chain[0][i - 1];
    if (i != 0) chain[1][i][0] = chain[1][i - 1];
  }
  chain[1][0][0] = chain[1][3];  // a circle
  world_.Collect();
  EXPECT_EQ(RunQueued(), "dddd" + std::string("f"));
  for (int i = 0; i < 3; ++i) {
    world_.Collect();
    EXPECT_EQ(RunQueued(), "f");
  }
  world_.Collect();
  EXPECT_EQ(world_.AllocatedSlots(), 0U);
}

TEST_F(SpecialsTest, WhatAQueuedDestructorReachesLivesUntilItHasRun) {
  sh_layout layout = Destroyed(SH_FINALIZE_LATER);
  void** const object = New(layout);
  object[0] = New(plain_);
  EXPECT_TRUE(specials().SetDestructor(RefOf(object), layout, 1));
  for (int cycle = 0; cycle < 3; ++cycle) {
    world_.Collect();
    EXPECT_EQ(world_.AllocatedSlots(), 2U);
  }
  EXPECT_EQ(RunQueued(), "d");
  world_.Collect();
  EXPECT_EQ(world_.AllocatedSlots(), 0U);
}

// It may have put the object where no scan will come any more, and its store has not said so.
TEST_F(SpecialsTest, WhatHasRunBeforeAMarkSawItIsMarked) {
  void** const object = New(plain_);
  object[0] = New(plain_);
  EXPECT_TRUE(specials().SetFinalizer(RefOf(object), kFunction, 0, nullptr));
  world_.Collect();
  world_.roots.push_back(nullptr);
  static ModelWorld* world = nullptr;
  world = &world_;
  world_.on_root = [](uint32_t) {
    Specials& specials = world->heap.specials;
    Marker& marker = world->thread().marker;
    if (Special* const special = specials.TakeQueued(nullptr)) specials.Finish(special, &marker);
    world->heap.work.PassOn(marker);
  };
  world_.Collect();
  EXPECT_EQ(specials().run(), 1U);
  EXPECT_EQ(world_.AllocatedSlots(), 2U);
  world_.Collect();
  EXPECT_EQ(world_.AllocatedSlots(), 0U);
}

// A destructor is to run: nobody gets hold of what leads to the object any more.
TEST_F(SpecialsTest, AWeakHandleGivesNothingThatReachesWhatIsToBeDestroyed) {
  sh_layout layout = Destroyed(SH_FINALIZE_LATER);
  void** const parent = New(plain_);
  void** const held = New(plain_);
  parent[0] = New(layout);
  EXPECT_TRUE(specials().SetDestructor(RefOf(parent[0]), layout, 1));
  auto* const handle = static_cast<Atomic<uintptr_t>*>(world_.New(handle_));
  handle->StoreRelease(reinterpret_cast<uintptr_t>(parent));
  const auto word = reinterpret_cast<uintptr_t>(handle);
  specials().WeakHandle(RefOf(parent), reinterpret_cast<uintptr_t>(parent), word, nullptr);
  const ObjectRef marked = RefOf(held);
  world_.heap.store.tables().marks(marked.page)[marked.slot / 64].FetchOr(marked.bit());
  EXPECT_EQ(specials().Doom(0, 1), 1U);
  EXPECT_FALSE(specials().EndIfDead(RefOf(parent)));
  specials().CommitDoomed(1);
  EXPECT_FALSE(specials().EndIfDead(marked));
  EXPECT_TRUE(specials().EndIfDead(RefOf(parent[0])));
  EXPECT_NE(handle->LoadAcquire(), 0U);
  EXPECT_TRUE(specials().EndIfDead(RefOf(parent)));
  EXPECT_EQ(handle->LoadAcquire(), 0U);
  specials().EndMark();
  EXPECT_FALSE(specials().EndIfDead(RefOf(parent)));
}

// The record of a fact that took effect serves the next one.
TEST_F(SpecialsTest, ADestructorThatIsSetAnewIsNotTakenForOneThatHasRun) {
  sh_layout layout = Destroyed(SH_FINALIZE_LATER);
  EXPECT_TRUE(specials().SetDestructor(RefOf(New(layout)), layout, 1));
  world_.Collect();
  EXPECT_EQ(RunQueued(), "d");
  void** const object = New(layout);
  world_.roots.push_back(object);
  EXPECT_TRUE(specials().SetDestructor(RefOf(object), layout, 1));
  EXPECT_FALSE(specials().EndIfDead(RefOf(object)));
  world_.Collect();
  EXPECT_EQ(RunQueued(), "");
}

TEST_F(SpecialsTest, DestructorsAtSweepRunForEachElementAndNothingIsKept) {
  sh_layout layout = Destroyed(SH_FINALIZE_AT_SWEEP);
  constexpr int kObjects = 500;
  for (int i = 0; i < kObjects; ++i) {
    void* const object = world_.New(layout, 3);
    EXPECT_TRUE(specials().SetDestructor(RefOf(object), layout, 3));
  }
  world_.Collect();
  EXPECT_EQ(destroyed, 3 * kObjects);
  EXPECT_EQ(world_.AllocatedSlots(), 0U);
}

TEST_F(SpecialsTest, AStoppedCleanupDoesNotRunAndItsClosureDies) {
  void** const object = New(plain_);
  world_.roots.push_back(object);
  uint64_t ids[3];
  for (uint64_t& id : ids) {
    const auto closure = reinterpret_cast<uintptr_t>(New(plain_));
    id = specials().AddCleanup(RefOf(object), kFunction, closure, nullptr);
  }
  world_.Collect();
  EXPECT_EQ(world_.AllocatedSlots(), 4U);
  EXPECT_TRUE(specials().StopCleanup(RefOf(object), ids[1]));
  EXPECT_FALSE(specials().StopCleanup(RefOf(object), ids[1]));
  world_.Collect();
  EXPECT_EQ(world_.AllocatedSlots(), 3U);
  world_.roots.clear();
  world_.Collect();
  EXPECT_EQ(RunQueued(), "cc");
  world_.Collect();
  EXPECT_EQ(world_.AllocatedSlots(), 0U);
}

TEST_F(SpecialsTest, FactsOfThoseThatLiveStayAmongThoseThatDie) {
  constexpr int kObjects = 1000;
  int kept = 0;
  for (int i = 0; i < kObjects; ++i) {
    void** const object = New(plain_);
    for (int n = 0; n < 3; ++n) {
      EXPECT_NE(specials().AddCleanup(RefOf(object), kFunction, 0, nullptr), 0U);
    }
    if (i % 7 != 0) continue;
    world_.roots.push_back(object);
    ++kept;
  }
  world_.Collect();
  EXPECT_EQ(RunQueued(), std::string(static_cast<size_t>(3 * (kObjects - kept)), 'c'));
  world_.roots.clear();
  world_.Collect();
  EXPECT_EQ(RunQueued(), std::string(static_cast<size_t>(3 * kept), 'c'));
}

TEST_F(SpecialsTest, BytesHeldElsewhereAreThoseOfTheLiving) {
  void** const live = New(plain_);
  EXPECT_EQ(Adjusted(live, 1000), 1000);
  EXPECT_EQ(Adjusted(live, -300), -300);
  EXPECT_EQ(Adjusted(New(plain_), 50), 50);
  EXPECT_EQ(specials().external_bytes(), 750);
  world_.roots.push_back(live);
  world_.Collect();
  EXPECT_EQ(specials().external_bytes(), 700);
  EXPECT_GE(world_.heap.last_cycle().marked, 700U);
}

TEST_F(SpecialsTest, BytesHeldElsewhereStayWithinWhatCanBe) {
  constexpr int64_t kMost = int64_t{1} << 50;
  void** const first = New(plain_);
  void** const second = New(plain_);
  EXPECT_EQ(Adjusted(first, 100), 100);
  EXPECT_EQ(Adjusted(first, -500), -100);
  EXPECT_EQ(Adjusted(first, INT64_MIN), 0);
  EXPECT_EQ(Adjusted(second, 1000), 1000);
  EXPECT_EQ(Adjusted(first, INT64_MAX), kMost - 1000);
  EXPECT_EQ(Adjusted(second, INT64_MAX), 0);
  EXPECT_EQ(specials().external_bytes(), kMost);
  EXPECT_EQ(Adjusted(first, INT64_MIN), -(kMost - 1000));
  EXPECT_EQ(specials().external_bytes(), 1000);
}

}  // namespace
}  // namespace spanheap::collected
