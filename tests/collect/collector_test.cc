// SPDX-License-Identifier: MIT
//
// Whole cycles over a plain world, against a shadow of the object graph.
#include "collect/collector.h"

#include <map>
#include <random>
#include <set>

#include "model_world.h"

namespace spanheap::collected {
namespace {

TEST(CollectorTest, AListThatARootHoldsLivesAndOneWithoutRootDies) {
  ModelWorld world;
  sh_layout node = PreciseLayout(2, &kFirstWord);
  constexpr int kLength = 1000;
  void* lists[2] = {};
  for (void*& head : lists) {
    for (int i = 0; i < kLength; ++i) {
      auto** at = static_cast<void**>(world.New(node));
      ASSERT_EQ(at[0], nullptr);
      at[0] = head;
      at[1] = reinterpret_cast<void*>(static_cast<uintptr_t>(i));
      head = at;
    }
  }
  world.roots.push_back(lists[1]);
  world.Collect();
  EXPECT_EQ(world.AllocatedSlots(), uint64_t{kLength});
  int i = kLength;
  for (auto** at = static_cast<void**>(lists[1]); at != nullptr; at = static_cast<void**>(at[0])) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at[1]), static_cast<uintptr_t>(--i));
  }
  EXPECT_EQ(i, 0);
  world.roots.clear();
  world.Collect();
  EXPECT_EQ(world.AllocatedSlots(), 0U);
  EXPECT_EQ(world.heap.store.ReadStats().span_bytes, 0U);
}

// A thread claims up to 64 slots of a kind at a time: they are black, and nothing that lives.
TEST(CollectorTest, WhatACycleFoundAliveLeavesOutSlotsThatAreHeldReady) {
  ModelWorld world;
  sh_layout node = PreciseLayout(8, &kFirstWord);
  world.roots.push_back(world.New(node));
  world.Collect();
  EXPECT_EQ(world.heap.last_cycle().marked, 64U);
  EXPECT_EQ(world.heap.last_cycle().live(), world.heap.state.live.LoadAcquire());
  EXPECT_GT(world.heap.last_cycle().held, 0U);
}

TEST(CollectorTest, MemoryOfDeadObjectsIsUsedAgainAndReadsAsZero) {
  ModelWorld world;
  sh_layout node = PreciseLayout(8, &kFirstTwoWords);
  uint64_t most = 0;
  for (int cycle = 0; cycle < 10; ++cycle) {
    for (int i = 0; i < 5000; ++i) {
      auto* words = static_cast<uint64_t*>(world.New(node));
      for (int w = 0; w < 8; ++w) ASSERT_EQ(words[w], 0U);
      for (int w = 2; w < 8; ++w) words[w] = ~uint64_t{0};
    }
    most = std::max(most, world.heap.store.ReadStats().span_bytes);
    world.Collect();
  }
  EXPECT_LE(most, 2U * 5000 * 64);
}

// What is in a buffer when nothing seems to be grey lives, and what it leads to; with few threads
// there may be no handshake before the last stop.
TEST(CollectorTest, WhatTheBarrierHasPutAsideLives) {
  for (const size_t threads : {size_t{1}, size_t{6}}) {
    ModelWorld world;
    world.heap.SetShortMark_ns(~uint64_t{0});
    while (threads > 1 && world.thread_count() < threads) world.AddThread();
    sh_layout node = PreciseLayout(2, &kFirstWord);
    static ModelWorld* marked_world;
    static void** stored;
    marked_world = &world;
    stored = static_cast<void**>(world.New(node));
    stored[0] = world.New(node);
    world.roots.push_back(world.New(node));
    world.on_root = [](uint32_t) { marked_world->thread().barrier.Put(stored); };
    world.Collect();
    EXPECT_EQ(world.AllocatedSlots(), 3U);
    EXPECT_EQ(world.handshakes == 0, threads == 1);
  }
}

// Numbers of pages have 32 bits: 2^45 bytes and a page must not become a page.
TEST(CollectorTest, MoreThanAnyHeapCanHoldIsRefused) {
  ModelWorld world;
  sh_layout byte = PlainLayout(1);
  for (unsigned shift = 40; shift < 64; ++shift) {
    for (const size_t more : {size_t{0}, size_t{1}, kPageSize.value, size_t{100} << 20}) {
      EXPECT_EQ(world.New(byte, (size_t{1} << shift) + more), nullptr) << shift << ' ' << more;
    }
  }
  EXPECT_NE(world.New(byte, 1), nullptr);
}

// No element: an object like any other, whatever size elements would have.
TEST(CollectorTest, AnArrayMayBeEmpty) {
  ModelWorld world;
  const std::vector<uint64_t> all(1024, ~uint64_t{0});
  for (const size_t words : {2, 40, 64, 512, 65536}) {
    sh_layout element = PreciseLayout(words, all.data());
    for (int i = 0; i < 3; ++i) world.roots.push_back(world.New(element, 0));
    for (const void* root : world.roots) ASSERT_NE(root, nullptr) << words;
    world.Collect();
    EXPECT_EQ(world.AllocatedSlots(), world.roots.size()) << words;
  }
}

// Parents fill their pages, and each alone holds a child: pages are scanned by kernels if all
// parents are roots, and one by one if few are.
TEST(CollectorTest, FullPagesAreScannedAsWellAsSparseOnes) {
  constexpr size_t kParents = 600;
  constexpr uint64_t kLastOf[] = {0x2, 0x4, 0x80, 0x8000, uint64_t{1} << 63};
  for (const uint64_t& bits : kLastOf) {
    const auto last = static_cast<size_t>(std::countr_zero(bits));
    for (const size_t step : {size_t{1}, size_t{50}}) {
      ModelWorld world;
      sh_layout parent = PreciseLayout(last + 1, &bits);
      sh_layout child = PlainLayout(24);
      for (size_t i = 0; i < kParents; ++i) {
        auto** at = static_cast<void**>(world.New(parent));
        at[last] = world.New(child);
        if (i % step == 0) world.roots.push_back(at);
      }
      world.Collect();
      EXPECT_EQ(world.AllocatedSlots(), 2 * world.roots.size()) << last << " " << step;
    }
  }
}

// Every shape there is: sizes across all classes, with and without pointers, one and many elements,
// conservative ones, large ones.
class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : random_(seed) {
    for (size_t words = 1; words <= 40; ++words) layouts_.push_back(PreciseLayout(words, kBits));
    for (size_t words = 2; words <= 40; words += 7) {
      layouts_.push_back(PreciseLayout(words, kBits));
      layouts_.back().kind = SH_SCAN_CONSERVATIVE;
    }
  }

  void Grow(size_t n) {
    for (size_t i = 0; i < n; ++i) {
      Node node;
      node.layout = &layouts_[random_() % layouts_.size()];
      const size_t most = random_() % 50 == 0 ? 60000 : random_() % 5 == 0 ? 200 : 4;
      node.count = 1 + random_() % most;
      node.words = static_cast<void**>(world_.New(*node.layout, node.count));
      ASSERT_NE(node.words, nullptr);
      nodes_.push_back(node);
      Write(nodes_.back());
    }
  }
  void Link(size_t n) {
    for (size_t i = 0; i < n && !nodes_.empty(); ++i) {
      Node& from = Any();
      const std::vector<size_t> places = PlacesOf(from);
      if (places.empty()) continue;
      const size_t place = places[random_() % places.size()];
      const size_t to = random_() % nodes_.size();
      // Anywhere inside of the target will do.
      const size_t bytes = nodes_[to].layout->size * nodes_[to].count;
      from.words[place] = reinterpret_cast<char*>(nodes_[to].words) + random_() % bytes;
    }
  }
  void ChooseRoots(size_t n) {
    world_.roots.clear();
    for (size_t i = 0; i < n && !nodes_.empty(); ++i) world_.roots.push_back(Any().words);
  }
  // Collects; the shadow forgets what is not reachable, and the heap must agree.
  void Check() {
    const std::set<void*> live = Reachable();
    world_.Collect();
    std::vector<Node> rest;
    for (const Node& node : nodes_) {
      if (live.count(node.words) == 0) continue;
      rest.push_back(node);
      ASSERT_EQ(Stamp(node), StampOf(node)) << "an object was lost";
    }
    EXPECT_EQ(world_.AllocatedSlots(), rest.size());
    nodes_ = std::move(rest);
  }

 private:
  struct Node {
    sh_layout* layout = nullptr;
    size_t count = 0;
    void** words = nullptr;
  };
  static constexpr uint64_t kBits[1] = {0x5a5a5a5a5a5a5a5b};

  Node& Any() { return nodes_[random_() % nodes_.size()]; }
  static size_t WordsOf(const Node& node) { return node.layout->size / 8 * node.count; }
  // Pointer words, the last word excepted: it holds the stamp.
  static std::vector<size_t> PlacesOf(const Node& node) {
    std::vector<size_t> places;
    const size_t words = node.layout->size / 8;
    for (size_t i = 0; i + 1 < WordsOf(node) && i < 1000; ++i) {
      const bool any = node.layout->kind == SH_SCAN_CONSERVATIVE;
      if (any || (kBits[0] >> (i % words) & 1) != 0) places.push_back(i);
    }
    return places;
  }
  static uint64_t StampOf(const Node& node) {
    return reinterpret_cast<uintptr_t>(node.words) ^ 0xdead00000000dead;
  }
  static uint64_t Stamp(const Node& node) {
    return WordsOf(node) < 2 ? StampOf(node)
                             : reinterpret_cast<uint64_t>(node.words[WordsOf(node) - 1]);
  }
  static void Write(Node& node) {
    if (WordsOf(node) < 2) return;
    node.words[WordsOf(node) - 1] = reinterpret_cast<void*>(StampOf(node));
  }
  std::set<void*> Reachable() const {
    std::map<uintptr_t, const Node*> by_start;
    for (const Node& node : nodes_) by_start[reinterpret_cast<uintptr_t>(node.words)] = &node;
    std::set<void*> live;
    std::vector<const Node*> todo;
    const auto visit = [&](void* word) {
      const auto at = reinterpret_cast<uintptr_t>(word);
      auto next = by_start.upper_bound(at);
      if (next == by_start.begin()) return;
      const Node* node = std::prev(next)->second;
      const size_t bytes = std::max<size_t>(WordsOf(*node) * 8, 1);
      if (at >= reinterpret_cast<uintptr_t>(node->words) + bytes) return;
      if (live.insert(node->words).second) todo.push_back(node);
    };
    for (void* root : world_.roots) visit(root);
    while (!todo.empty()) {
      const Node* node = todo.back();
      todo.pop_back();
      for (const size_t place : PlacesOf(*node)) visit(node->words[place]);
    }
    return live;
  }

  std::minstd_rand random_;
  std::deque<sh_layout> layouts_;
  std::vector<Node> nodes_;
  ModelWorld world_{16_GiB};
};

// Roots that appear unseen while marking, as no barrier would let them.
TEST(CollectorTest, TheVerifierReportsWhatARootLostAndPassesOverWhatIsOnStacks) {
  for (const bool on_stack : {false, true}) {
    static ModelWorld* world;
    static void** unseen;
    ModelWorld here;
    world = &here;
    sh_layout node = PreciseLayout(2, &kFirstWord);
    here.roots.push_back(here.New(node));
    unseen = static_cast<void**>(here.New(node));
    unseen[0] = here.New(node);
    here.on_root = [](uint32_t) { world->late_on_stack.push_back(unseen); };
    if (!on_stack) here.on_root = [](uint32_t) { world->roots.push_back(unseen); };
    here.heap.RequestVerify();
    testing::internal::CaptureStderr();
    here.heap.RunCycle(true);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(here.heap.missed(), on_stack ? 0U : 2U) << said;
    EXPECT_EQ(said.find("reached from a root") != std::string::npos, !on_stack) << said;
  }
}

TEST(CollectorTest, TheVerifierSaysWhenItHadNoMemory) {
  ModelWorld world;
  sh_layout node = PreciseLayout(2, &kFirstWord);
  world.roots.push_back(world.New(node));
  for (uint64_t granted = 0; granted < 4; ++granted) {
    world.heap.RequestVerify();
    world.memory().RefuseFrom(granted + 1);
    world.heap.RunCycle(true);
    world.memory().RefuseFrom(0);
    EXPECT_EQ(world.heap.missed(), MarkVerifier::kNotCompared) << granted;
    while (world.heap.SweepSome()) {}
  }
  world.Collect();
}

TEST(CollectorTest, RandomGraphsKeepExactlyWhatIsReachable) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    RandomGraph graph(seed);
    for (int round = 0; round < 8; ++round) {
      graph.Grow(400);
      graph.Link(600);
      graph.ChooseRoots(20);
      graph.Check();
    }
  }
}

}  // namespace
}  // namespace spanheap::collected
