// SPDX-License-Identifier: MIT
//
// Several contexts mark one heap: one after the other in this thread, where it can be told what
// each of them does, and on threads.
#include "collect/mark_work.h"

#include <thread>

#include "model_world.h"

namespace spanheap::collected {
namespace {

struct Node {
  Node* left;
  Node* right;
  uint64_t value;
};

// A heap with a tree of 2^(depth+1)-1 small nodes, and arrays of pointers that lead to small ones.
class Grove {
 public:
  explicit Grove(int depth) {
    world.roots.push_back(Tree(depth));
    for (int i = 0; i < 4; ++i) world.roots.push_back(Array());
  }

  uint64_t objects() const { return objects_; }
  Collector& heap() { return world.heap; }
  Marker& NewMarker() { return *world.heap.NewMarker(); }

  ModelWorld world;

 private:
  Node* Tree(int depth) {
    ++objects_;
    auto* node = static_cast<Node*>(world.New(node_));
    if (depth == 0) return node;
    node->left = Tree(depth - 1);
    node->right = Tree(depth - 1);
    return node;
  }
  void* Array() {
    constexpr size_t kWords = 20'000;
    auto** words = static_cast<void**>(world.New(pointer_, kWords));
    ++objects_;
    for (size_t i = 0; i < kWords; i += 100) words[i] = Tree(1);
    return words;
  }

  sh_layout node_ = PreciseLayout(3, &kFirstTwoWords);
  sh_layout pointer_ = PreciseLayout(1, &kFirstWord);
  uint64_t objects_ = 0;
};

// The phase, as far as it matters here.
class MarkPhase {
 public:
  explicit MarkPhase(Collector& heap) : heap_(heap) {
    heap_.state.phase.StoreRelease(Phase::kMark);
    heap_.work.Begin(0);
  }
  ~MarkPhase() {
    heap_.state.phase.StoreRelease(Phase::kOff);
    heap_.work.End();
  }

 private:
  Collector& heap_;
};

TEST(MarkWorkTest, WhatOneContextPassesOnAnotherTakes) {
  Grove grove(14);
  MarkWork& work = grove.heap().work;
  Marker& first = grove.NewMarker();
  Marker& second = grove.NewMarker();
  const MarkPhase phase(grove.heap());
  EXPECT_FALSE(work.IsQuiet());
  EXPECT_GT(work.Step(first, 64 << 10), 0U);
  EXPECT_FALSE(grove.heap().queue.is_empty());
  EXPECT_GT(work.Step(second, 64 << 10), 0U);
  EXPECT_TRUE(first.is_empty());
  while (work.Step(first, 64 << 10) + work.Step(second, 64 << 10) != 0) {}
  EXPECT_TRUE(work.IsQuiet());
  EXPECT_EQ(work.marked_objects(), grove.objects());
}

TEST(MarkWorkTest, ItIsNotOverWhileAContextMayHoldSomething) {
  Grove grove(3);
  MarkWork& work = grove.heap().work;
  Marker& marker = grove.NewMarker();
  Marker& late = grove.NewMarker();
  const MarkPhase phase(grove.heap());
  work.Enter();
  while (work.Step(marker, 64 << 10) != 0) {}
  EXPECT_TRUE(grove.heap().queue.is_empty());
  EXPECT_FALSE(work.IsQuiet());
  work.Leave(late);
  EXPECT_TRUE(work.IsQuiet());
}

TEST(MarkWorkTest, ARootThatNobodyHasScannedIsWork) {
  Grove grove(3);
  MarkWork& work = grove.heap().work;
  const MarkPhase phase(grove.heap());
  EXPECT_FALSE(work.IsQuiet());
  EXPECT_TRUE(grove.heap().queue.is_empty());
}

TEST(MarkWorkTest, ALongSleepEndsWhenTheLastOneLeaves) {
  Grove grove(3);
  MarkWork& work = grove.heap().work;
  Marker& marker = grove.NewMarker();
  while (work.Step(marker, 64 << 10) != 0) {}
  work.Enter();
  const uint32_t news = work.news();
  std::thread sleeper([&] {
    while (work.news() == news) work.AwaitNews(news);
  });
  while (grove.heap().queue.sleepers() == 0) std::this_thread::yield();
  work.Leave(marker);
  sleeper.join();
  EXPECT_NE(work.news(), news);
}

// A table of small objects each of which holds another, all in different places: pages that wait
// gather marks, if those found first come first.
TEST(MarkWorkTest, PagesAreVisitedWhenMostOfTheirObjectsAreMarked) {
  constexpr size_t kCount = 200'000;
  constexpr size_t kStride = 7919;  // prime
  ModelWorld world;
  sh_layout pointer = PreciseLayout(1, &kFirstWord);
  sh_layout wide = PreciseLayout(16, &kFirstWord);
  std::vector<void*> nodes(kCount);
  for (void*& node : nodes) node = world.New(wide);
  auto** const table = static_cast<void**>(world.New(pointer, kCount));
  for (size_t i = 0; i < kCount; ++i) {
    table[i] = world.New(pointer);
    *static_cast<void**>(table[i]) = nodes[i * kStride % kCount];
  }
  Marker& marker = *world.heap.NewMarker();
  const MarkPhase phase(world.heap);
  marker.Shade(reinterpret_cast<uintptr_t>(table));
  while (marker.Drain(1 << 20) != 0) {}
  const MarkCounts counts = marker.TakeCounts();
  EXPECT_EQ(counts.marked_objects, 2 * kCount + 1);
  constexpr size_t kPages = kCount * (16 * 8 + 16) / kPageSize.value;
  EXPECT_LT(counts.visits, 2 * kPages);
}

// Threads that come when the collector calls, as runtime's do.
class Helpers {
 public:
  Helpers(Grove& grove, unsigned count) : count_(count) {
    for (unsigned i = 0; i < count; ++i) markers_.push_back(&grove.NewMarker());
    grove.world.on_call = [this](ModelWorld& world, unsigned) {
      for (unsigned i = 0; i < count_; ++i) {
        threads_.emplace_back([&world, this, i] { world.heap.MarkAlong(*markers_[i], i + 1); });
      }
    };
  }
  ~Helpers() { Join(); }
  size_t Join() {
    for (std::thread& thread : threads_) thread.join();
    const size_t n = threads_.size();
    threads_.clear();
    return n;
  }

 private:
  unsigned count_;
  std::vector<Marker*> markers_;
  std::vector<std::thread> threads_;
};

TEST(MarkWorkTest, ThreadsTogetherMarkEachObjectOnce) {
  Grove grove(15);
  for (const bool forced : {false, true}) {
    for (int cycle = 0; cycle < 8; ++cycle) {
      Helpers helpers(grove, 3);
      grove.heap().RequestVerify();
      grove.heap().RunCycle(forced);
      EXPECT_EQ(helpers.Join(), 3U);
      EXPECT_EQ(grove.heap().missed(), 0U);
      EXPECT_EQ(grove.heap().last_cycle().marked_objects, grove.objects());
      grove.heap().FinishSweep();
      grove.world.ReleaseCaches();
    }
  }
}

TEST(MarkWorkTest, NobodyIsCalledForAHeapThatIsMarkedAtOnce) {
  Grove grove(1);
  grove.world.roots.resize(1);
  Helpers helpers(grove, 1);
  grove.heap().RunCycle(false);
  EXPECT_EQ(helpers.Join(), 0U);
}

TEST(MarkWorkTest, WhilePausedNothingIsScannedAndNothingIsInContexts) {
  Grove grove(15);
  MarkWork& work = grove.heap().work;
  const MarkPhase phase(grove.heap());
  std::vector<Marker*> markers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    markers.push_back(&grove.NewMarker());
    threads.emplace_back([&work, marker = markers.back()] {
      while (!work.IsQuiet()) work.Step(*marker, 4 << 10);
    });
  }
  for (int pause = 0; pause < 50; ++pause) {
    work.Pause();
    const uint64_t scanned = work.heap_scanned();
    for (const Marker* marker : markers) EXPECT_TRUE(marker->is_empty());
    std::this_thread::yield();
    EXPECT_EQ(work.heap_scanned(), scanned);
    work.Resume();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(work.IsQuiet());
  EXPECT_EQ(work.marked_objects(), grove.objects());
}

}  // namespace
}  // namespace spanheap::collected
