// SPDX-License-Identifier: MIT
#include "collect/keeper_search.h"

#include "collect/model_world.h"

namespace spanheap::collected {
namespace {

class KeeperSearchTest : public testing::Test {
 protected:
  void** NewNode() { return static_cast<void**>(world_.New(layout_)); }
  // What a cycle says.
  Keepers Ask(const void* address) {
    EXPECT_TRUE(world_.heap.keepers.TryAsk(~reinterpret_cast<uintptr_t>(address)));
    world_.heap.RunCycle(true);
    Keepers answer;
    EXPECT_TRUE(world_.heap.keepers.TakeAnswer(answer));
    return answer;
  }
  static uintptr_t AddressOf(const void* p) { return reinterpret_cast<uintptr_t>(p); }

  sh_layout layout_ = PreciseLayout(2, &kFirstTwoWords);
  ModelWorld world_;
};

TEST_F(KeeperSearchTest, TheWayFromTheRootIsTold) {
  void** const list[] = {NewNode(), NewNode(), NewNode()};
  list[0][0] = list[1];
  list[1][1] = list[2];
  list[2][0] = list[0];  // and a circle
  world_.roots = {NewNode(), list[0]};
  const Keepers keepers = Ask(list[2] + 1);
  ASSERT_TRUE(keepers.is_kept);
  EXPECT_TRUE(keepers.is_whole);
  ASSERT_EQ(keepers.count, 3U);
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(keepers.objects[i].start, AddressOf(list[2 - i]));
  EXPECT_EQ(keepers.objects[0].bytes, 16U);
  EXPECT_EQ(keepers.root.place, RootWord::Place::kRoot);
  EXPECT_EQ(keepers.root.word, AddressOf(list[0]));
}

TEST_F(KeeperSearchTest, AWordOnAStackIsToldFromARoot) {
  void** const node = NewNode();
  world_.roots = {node};
  world_.late_on_stack = {node};
  EXPECT_EQ(Ask(node).root.place, RootWord::Place::kRoot);
  world_.roots.clear();
  const Keepers keepers = Ask(node);
  EXPECT_EQ(keepers.root.place, RootWord::Place::kStack);
  EXPECT_EQ(keepers.count, 1U);
  EXPECT_TRUE(keepers.is_whole);
}

TEST_F(KeeperSearchTest, WhatNobodyKeepsIsToldFromNoObject) {
  void** const node = NewNode();
  const Keepers keepers = Ask(node);
  EXPECT_FALSE(keepers.is_kept);
  EXPECT_EQ(keepers.count, 1U);
  EXPECT_EQ(Ask(&node).count, 0U);
}

TEST_F(KeeperSearchTest, OfALongWayTheNearEndIsTold) {
  void** last = NewNode();
  world_.roots = {last};
  for (int i = 0; i < 100; ++i) {
    void** const next = NewNode();
    last[0] = next;
    last = next;
  }
  const Keepers keepers = Ask(last);
  EXPECT_TRUE(keepers.is_kept);
  EXPECT_FALSE(keepers.is_whole);
  EXPECT_EQ(keepers.count, Keepers::kMost);
  EXPECT_EQ(keepers.root.word, AddressOf(world_.roots[0]));
}

TEST_F(KeeperSearchTest, AFinalizerKeepsWhatItsObjectHolds) {
  void** const object = NewNode();
  void** const held = NewNode();
  object[0] = held;
  static char function;
  const ObjectRef ref = ObjectFinder(world_.heap.store).Find(AddressOf(object));
  ASSERT_TRUE(world_.heap.specials.SetFinalizer(ref, &function, 0, nullptr));
  const Keepers keepers = Ask(held);
  ASSERT_TRUE(keepers.is_kept);
  EXPECT_EQ(keepers.root.place, RootWord::Place::kFinalizer);
  EXPECT_EQ(keepers.root.word, AddressOf(object));
  EXPECT_EQ(keepers.count, 1U);
}

TEST_F(KeeperSearchTest, OneQuestionAtATimeAndOnlyACycleAnswersIt) {
  EXPECT_TRUE(world_.heap.keepers.TryAsk(1));
  EXPECT_FALSE(world_.heap.keepers.TryAsk(2));
  Keepers answer;
  EXPECT_FALSE(world_.heap.keepers.TakeAnswer(answer));
  EXPECT_TRUE(world_.heap.keepers.TryAsk(3));
}

TEST_F(KeeperSearchTest, WithoutMemoryItSaysSo) {
  void** const node = NewNode();
  world_.roots = {node};
  world_.Collect();
  ASSERT_TRUE(world_.heap.keepers.TryAsk(~AddressOf(node)));
  world_.memory().RefuseFrom(1);
  world_.heap.RunCycle(true);
  world_.memory().RefuseFrom(0);
  Keepers answer;
  ASSERT_TRUE(world_.heap.keepers.TakeAnswer(answer));
  EXPECT_TRUE(answer.is_out_of_memory);
  EXPECT_FALSE(answer.is_kept);
}

}  // namespace
}  // namespace spanheap::collected
