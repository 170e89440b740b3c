// SPDX-License-Identifier: MIT
//
// The collected heap in the process: real threads, real stacks, real roots.
#include "runtime/collected_heap.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

struct Node {
  void* left;
  void* right;
};

constexpr uint64_t kBothWords = 3;
sh_layout node_layout = {
    sizeof(Node), SH_SCAN_PRECISE, 0, &kBothWords, nullptr, nullptr, "Node", 0, 0};
sh_layout bytes_layout = {1, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "bytes", 0, 0};

Node* NewNode(Node* left, Node* right) {
  auto* node = static_cast<Node*>(CollectedHeap::Get()->New(node_layout, 1));
  detail::StorePointer(&node->left, left);
  detail::StorePointer(&node->right, right);
  return node;
}

Node* BottomUp(int depth) {
  return depth == 0 ? NewNode(nullptr, nullptr) : NewNode(BottomUp(depth - 1), BottomUp(depth - 1));
}

int CountNodes(const Node* node) {
  return node == nullptr ? 0
                         : 1 + CountNodes(static_cast<Node*>(node->left)) +
                               CountNodes(static_cast<Node*>(node->right));
}

TEST(CollectedHeapTest, AListOnTheStackLivesThroughCollections) {
  Node* head = nullptr;
  for (int i = 0; i < 1000; ++i) head = NewNode(head, nullptr);
  CollectedHeap::Get()->Collect();
  CollectedHeap::Get()->Collect();
  EXPECT_EQ(CountNodes(head), 1000);
}

// Types of one size share claimed words, which are made ready for one of them.
TEST(CollectedHeapTest, EachObjectIsScannedByItsOwnLayout) {
  static constexpr uint64_t kFirst = 1;
  static constexpr uint64_t kSecond = 2;
  static sh_layout layouts[] = {
      {16, SH_SCAN_PRECISE, 0, &kFirst, nullptr, nullptr, "first", 0, 0},
      {16, SH_SCAN_PRECISE, 0, &kSecond, nullptr, nullptr, "second", 0, 0}};
  CollectedHeap& heap = *CollectedHeap::Get();
  for (unsigned i = 0; i < 1000; ++i) {
    const unsigned which = i / 3 % 2;
    auto* const object = static_cast<void**>(heap.New(layouts[which], 1));
    EXPECT_EQ(heap.PlaceOf(object + which), SH_PLACE_OBJECT) << i;
    EXPECT_EQ(heap.PlaceOf(object + 1 - which), SH_PLACE_HOLE) << i;
  }
}

// What such an object loses unseen must be remembered where it is stored next.
void ExpectBothAreRememberedBesides(sh_layout& layout) {
  constexpr uint32_t kRemembersBoth = 1;
  CollectedHeap& heap = *CollectedHeap::Get();
  BottomUp(2);
  void* const kept = heap.New(layout, 1);
  Node* const tree = BottomUp(16);
  std::atomic<bool> is_over{false};
  std::atomic<uint64_t> seen{0};
  // On a busy machine a mark may be over before this thread has a turn.
  std::thread collector([&] {
    for (int i = 0; i < 10 || (seen == 0 && i < 10'000); ++i) heap.Collect();
    is_over = true;
  });
  while (!is_over) {
    std::this_thread::sleep_for(std::chrono::microseconds(10));  // sanitizers deliver signals here
    const uint32_t flag = __atomic_load_n(&sh_inline_v1.barrier_on, __ATOMIC_RELAXED);
    if (flag == 0) continue;
    EXPECT_EQ(flag, kRemembersBoth);
    ++seen;
  }
  collector.join();
  EXPECT_NE(seen, 0U);
  EXPECT_EQ(heap.PlaceOf(kept), SH_PLACE_OBJECT);
  EXPECT_EQ(CountNodes(tree), (2 << 16) - 1);
}

TEST(CollectedHeapTest, StoresRememberWhatTheyWriteWhereAFieldIsSearchedWordByWord) {
  constexpr uint64_t kAllWords = 3;  // as a Node, whose slots it may take
  static sh_layout record = {
      16, SH_SCAN_PRECISE, SH_AMBIGUOUS_WORDS, &kAllWords, nullptr, nullptr, "record", 0, 0};
  ExpectBothAreRememberedBesides(record);
}

TEST(CollectedHeapTest, StoresRememberWhatTheyWriteWhereATypeIsSearchedWordByWord) {
  static sh_layout frame = {800, SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr, nullptr, "frame", 0, 0};
  ExpectBothAreRememberedBesides(frame);
}

TEST(CollectedHeapTest, APlaceIsKnownWhereverItIsScanned) {
  CollectedHeap& heap = *CollectedHeap::Get();
  void* here = NewNode(nullptr, nullptr);
  EXPECT_EQ(heap.PlaceOf(&here), SH_PLACE_STACK);
  void** const root = heap.roots.Take();
  EXPECT_EQ(heap.PlaceOf(root), SH_PLACE_ROOT);
  EXPECT_EQ(heap.PlaceOf(root + RootPage::kSlots), SH_PLACE_UNSEEN);
  heap.roots.Put(root);
  int known = -1;
  int unknown = -1;
  std::thread([&] {
    unknown = heap.PlaceOf(&here);
    NewNode(nullptr, nullptr);
    known = heap.PlaceOf(&here);
  }).join();
  EXPECT_EQ(known, SH_PLACE_STACK) << "of another thread";
  EXPECT_EQ(unknown, SH_PLACE_STACK) << "asked by a thread that is none of ours";
  static void* elsewhere;
  EXPECT_EQ(heap.PlaceOf(&elsewhere), SH_PLACE_UNSEEN);
}

// Stacks are no longer copied from then on: what the last copy held must not be marked again.
TEST(CollectedHeapTest, TheLastCopyOfStacksKeepsNothing) {
  static sh_layout frame = {8, SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr, nullptr, "frame", 0, 0};
  CollectedHeap& heap = *CollectedHeap::Get();
  uintptr_t inverted = 0;
  std::thread([&] {
    void* volatile node = NewNode(nullptr, nullptr);
    inverted = ~reinterpret_cast<uintptr_t>(node);
    heap.Collect();
    ASSERT_EQ(heap.PlaceOf(node), SH_PLACE_OBJECT);
    heap.New(frame, 1);
  }).join();
  heap.Collect();
  heap.Collect();
  EXPECT_NE(heap.PlaceOf(reinterpret_cast<void*>(~inverted)), SH_PLACE_OBJECT);
}

TEST(CollectedHeapTest, TreesComeAndGoInBoundedMemory) {
  constexpr int kDepth = 14;
  Node* const kept = BottomUp(kDepth);
  const int nodes = (2 << kDepth) - 1;
  for (int i = 0; i < 40; ++i) ASSERT_EQ(CountNodes(BottomUp(kDepth)), nodes);
  EXPECT_EQ(CountNodes(kept), nodes);
  CollectedHeap::Get()->Collect();
  EXPECT_GT(CollectedHeap::Get()->collector.cycles(), 1U);
  EXPECT_LT(CollectedHeap::Get()->collector.store.ReadStats().span_bytes, 40U << 20);
}

TEST(CollectedHeapTest, RootsKeepAndLetGo) {
  CollectedHeap& heap = *CollectedHeap::Get();
  void** const slot = heap.roots.Take();
  // On threads that end: no word of this one's stack keeps the tree.
  std::thread([slot] { detail::StorePointer(slot, BottomUp(10)); }).join();
  heap.Collect();
  const uint64_t with = heap.collector.last_cycle().marked_objects;
  std::thread([&heap, slot] {
    EXPECT_EQ(CountNodes(static_cast<Node*>(*slot)), (2 << 10) - 1);
    detail::StorePointer(slot, nullptr);
    heap.roots.Put(slot);
  }).join();
  heap.Collect();
  EXPECT_LT(heap.collector.last_cycle().marked_objects + 1000, with);
}

TEST(CollectedHeapTest, ThreadsAllocateAndLinkWhileItMarks) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([] {
      Node* kept = nullptr;
      int length = 0;
      for (int round = 0; round < 30; ++round) {
        ASSERT_EQ(CountNodes(BottomUp(10)), (2 << 10) - 1);
        auto* bytes = static_cast<char*>(CollectedHeap::Get()->New(bytes_layout, 50000));
        ASSERT_EQ(bytes[49999], 0);
        kept = NewNode(kept, BottomUp(3));
        ++length;
      }
      int n = 0;
      for (Node* at = kept; at != nullptr; at = static_cast<Node*>(at->left)) {
        EXPECT_EQ(CountNodes(static_cast<Node*>(at->right)), 15);
        ++n;
      }
      EXPECT_EQ(n, length);
    });
  }
  for (int i = 0; i < 20; ++i) CollectedHeap::Get()->Collect();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace spanheap
