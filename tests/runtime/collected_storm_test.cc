// SPDX-License-Identifier: MIT
//
// Threads change a graph of objects at random while the collector runs, and each knows by a shadow
// what its part must look like. Every cycle by hand is verified by the plain marker.
#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "os/futex.h"
#include "runtime/collected_heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

constexpr size_t kChildren = 3;
struct Node {
  void* children[kChildren];
  uint64_t stamp;
  char rest[];
};

constexpr uint64_t kPointers = 7;
// One of the domain of bits, one that needs a type number.
sh_layout small_node = {64, SH_SCAN_PRECISE, 0, &kPointers, nullptr, nullptr, "small node", 0, 0};
constexpr uint64_t kPointersOf128[2] = {7, 0};
sh_layout typed_node = {1024, SH_SCAN_PRECISE, 0, kPointersOf128, nullptr, nullptr, "node", 0, 0};

CollectedHeap& Heap() { return *CollectedHeap::Get(); }

// A thread's graph: nodes by number, edges in the shadow and in the heap. Only roots keep nodes.
class ShadowGraph {
 public:
  explicit ShadowGraph(unsigned seed) : random_(seed) {
    for (void**& slot : roots_) slot = Heap().roots.Take();
  }
  ~ShadowGraph() {
    for (void** slot : roots_) {
      detail::StorePointer(slot, nullptr);
      Heap().roots.Put(slot);
    }
  }

  void Step() {
    const uint32_t what = random_() % 10;
    if (what < 4) {
      Replace(random_() % kRoots, NewNode(0));
    } else if (what < 8) {
      MoveSubtree();
    } else {
      detail::StorePointer(roots_[random_() % kRoots], nullptr);
    }
  }
  void Check() const {
    for (void** slot : roots_) CheckTree(static_cast<const Node*>(*slot), 0);
  }

 private:
  static constexpr size_t kRoots = 16;
  static constexpr uint64_t kMagic = 0x5eed5eed00000000;

  Node* NewNode(int depth) {
    sh_layout& layout = random_() % 8 == 0 ? typed_node : small_node;
    auto* node = static_cast<Node*>(Heap().New(layout, 1));
    for (void*& child : node->children) {
      if (child != nullptr) std::abort();  // memory of new objects is zero
      if (depth < 4 && random_() % 3 != 0) detail::StorePointer(&child, NewNode(depth + 1));
    }
    node->stamp = kMagic | static_cast<uint32_t>(AddressOf(node).value);
    return node;
  }
  void Replace(size_t root, Node* node) { detail::StorePointer(roots_[root], node); }
  // A subtree is taken out of its place before it is put into another: in between only this
  // function's frame holds it.
  void MoveSubtree() {
    auto* from = static_cast<Node*>(*roots_[random_() % kRoots]);
    auto* to = static_cast<Node*>(*roots_[random_() % kRoots]);
    if (from == nullptr || to == nullptr || from == to) return;
    void*& place = from->children[random_() % kChildren];
    void* moved = place;
    detail::StorePointer(&place, nullptr);
    for (int i = 0; i < 20; ++i) NewNode(3);
    detail::StorePointer(&to->children[random_() % kChildren], moved);
  }
  static void CheckTree(const Node* node, int depth) {
    if (node == nullptr || depth > 12) return;
    ASSERT_EQ(node->stamp, kMagic | static_cast<uint32_t>(AddressOf(node).value));
    for (const void* child : node->children) CheckTree(static_cast<const Node*>(child), depth + 1);
  }

  std::minstd_rand random_;
  void** roots_[kRoots] = {};
};

// `watch` is called again and again meanwhile.
template <class Watch>
void Storm(unsigned threads, unsigned steps, Watch&& watch) {
  std::atomic<unsigned> running{threads};
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) {
    all.emplace_back([&running, steps, t] {
      ShadowGraph graph(t + 1);
      for (unsigned i = 0; i < steps; ++i) {
        graph.Step();
        if (i % 64 == 0) graph.Check();
      }
      graph.Check();
      --running;
    });
  }
  while (running != 0) watch();
  for (std::thread& thread : all) thread.join();
}

TEST(CollectedStormTest, EightThreadsLoseNothing) {
  Storm(8, 600, [] { ASSERT_EQ(Heap().Verify(), 0U) << "objects were lost"; });
}

// Marks come as the heap grows, and nearly all are verified.
TEST(CollectedStormTest, NorWhereMarksOutliveTheirCycles) {
  Heap().collector.AllowYoung(true);
  sh_layout bytes{};
  bytes.size = 1;
  void** const ballast = Heap().roots.Take();
  detail::StorePointer(ballast, Heap().New(bytes, 4 << 20));
  bool kept = false;
  Storm(8, 600, [&kept] {
    kept = kept || Heap().collector.store.keeps_marks();
    Heap().collector.RequestVerify();
    ASSERT_EQ(Heap().collector.missed(), 0U) << "objects were lost";
    os::SleepFor_ns(100'000);
  });
  EXPECT_TRUE(kept);
  detail::StorePointer(ballast, nullptr);
  Heap().roots.Put(ballast);
  EXPECT_EQ(Heap().Verify(), 0U);
}

}  // namespace
}  // namespace spanheap
