// SPDX-License-Identifier: MIT
//
// What comes before an allocation of collected objects fails: a cycle, the program's callback; and
// how much of it a program has that is simply full.
#include "runtime/last_resort.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mutators/blocking_region.h"
#include "os/memory.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
// Cycles take a hundred times as long under ThreadSanitizer.
#if defined(__SANITIZE_THREAD__)
constexpr size_t kRoom = 16 * kMiB;
#else
constexpr size_t kRoom = 48 * kMiB;
#endif

struct Node {
  void* next;
  char rest[56];
};
constexpr uint64_t kFirstWord = 1;
sh_layout node_layout = {
    sizeof(Node), SH_SCAN_PRECISE, 0, &kFirstWord, nullptr, nullptr, "Node", 0, 0};
sh_layout block_layout = {kMiB, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "block", 0, 0};

CollectedHeap& Heap() { return *CollectedHeap::Get(); }
void* New(sh_layout& layout) { return Heap().New(layout, 1); }

class LastResortTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = Heap().roots.Take();
    ASSERT_NE(root_, nullptr);
    Heap().Collect();
    heap::Trim(0);
    const uint64_t limit = runtime.pages.gauge().counted() + kRoom;
    ASSERT_TRUE(heap::SetOption("hardlimit", std::to_string(limit).c_str()));
  }
  void TearDown() override {
    heap::SetLimitCallback(nullptr, nullptr);
    heap::SetOption("hardlimit", "off");
    Drop();
    Heap().roots.Put(root_);
    Heap().Collect();
  }

  // Adds to a list that the root holds; false: it could not.
  bool Keep() {
    auto* const node = static_cast<Node*>(New(node_layout));
    if (node == nullptr) return false;
    detail::StorePointer(&node->next, *root_);
    detail::StorePointer(root_, node);
    return true;
  }
  // On a thread that ends: no stale word of this one's stack keeps the list.
  template <class Work>
  static void OnAnotherThread(Work&& work) {
    std::thread thread(std::forward<Work>(work));
    const BlockingRegion waiting;
    thread.join();
  }
  void FillUp() {
    OnAnotherThread([this] {
      while (Keep()) {}
    });
  }
  void Drop() {
    OnAnotherThread([this] { detail::StorePointer(root_, nullptr); });
  }

  // How many of so many allocations whose objects nobody holds fail.
  static int Nulls(sh_layout& layout, int count) {
    int nulls = 0;
    for (int i = 0; i < count; ++i) nulls += New(layout) == nullptr ? 1 : 0;
    return nulls;
  }
  static uint64_t ForcedCycles() { return Heap().collector.totals.forced_cycles.LoadAcquire(); }

  void** root_ = nullptr;
};

TEST_F(LastResortTest, GarbageIsAllocatedWithoutEndUnderAHardLimit) {
  EXPECT_EQ(Nulls(node_layout, 4'000'000), 0);
  EXPECT_EQ(Nulls(block_layout, 500), 0);
  EXPECT_LE(runtime.pages.gauge().counted(), runtime.pages.gauge().ceiling() + 4 * kMiB);
}

TEST_F(LastResortTest, SoItIsBesideWhatFillsTwoThirds) {
  for (size_t i = 0; i < kRoom / 3 * 2 / sizeof(Node); ++i) ASSERT_TRUE(Keep());
  EXPECT_EQ(Nulls(node_layout, 2'000'000), 0);
}

// Cycles come in time: hardly an allocation has to wait for one of its own.
TEST_F(LastResortTest, ThePacerKnowsTheHardLimit) {
  for (size_t i = 0; i < kRoom / 2 / sizeof(Node); ++i) ASSERT_TRUE(Keep());
  Heap().Collect();
  EXPECT_LT(Heap().collector.state.goal.LoadAcquire(),
            Heap().collector.state.live.LoadAcquire() + kRoom / 2);
}

TEST_F(LastResortTest, AllocationIsRefusedWhenEverythingLives) {
  FillUp();
  EXPECT_EQ(New(block_layout), nullptr);
  EXPECT_EQ(New(block_layout), nullptr);
}

TEST_F(LastResortTest, WhatIsDroppedAfterARefusalIsFoundAtOnce) {
  for (int round = 0; round < 3; ++round) {
    FillUp();
    Drop();
    EXPECT_NE(New(node_layout), nullptr) << round;
    EXPECT_EQ(Nulls(node_layout, 100'000), 0) << round;
  }
}

TEST_F(LastResortTest, AFullHeapIsNotCollectedForEachAttempt) {
  FillUp();
  const uint64_t before = ForcedCycles();
  constexpr int kAttempts = 400;
  EXPECT_EQ(Nulls(block_layout, kAttempts), kAttempts);
  EXPECT_LT(ForcedCycles() - before, uint64_t{kAttempts} / 4);
}

int DropAll(size_t, size_t, size_t, void* context) {
  auto* const calls = static_cast<std::pair<int, void**>*>(context);
  if (calls->first++ != 0) return 0;
  detail::StorePointer(calls->second, nullptr);
  return 1;
}

TEST_F(LastResortTest, TheCallbackNeedOnlyLetGo) {
  FillUp();
  std::pair<int, void**> calls{0, root_};
  ASSERT_TRUE(heap::SetLimitCallback(DropAll, &calls));
  EXPECT_NE(New(block_layout), nullptr);
  EXPECT_EQ(calls.first, 1);
}

int DetachOften(size_t, size_t, size_t, void*) {
  for (int i = 0; i < 3; ++i) Heap().Leave();
  return 0;
}

TEST_F(LastResortTest, TheCallbackMayNotTakeTheThreadAway) {
  OnAnotherThread([this] {
    while (Keep()) {}
    ASSERT_TRUE(heap::SetLimitCallback(DetachOften, nullptr));
    Mutator* const before = this_mutator;
    EXPECT_EQ(New(block_layout), nullptr);
    EXPECT_EQ(this_mutator, before);
  });
}

int AlwaysAgain(size_t, size_t, size_t, void* context) {
  ++*static_cast<int*>(context);
  New(block_layout);  // refused, and does not come here again
  return 1;
}

TEST_F(LastResortTest, ACallbackThatDoesNotHelpIsAskedThreeTimes) {
  FillUp();
  int calls = 0;
  ASSERT_TRUE(heap::SetLimitCallback(AlwaysAgain, &calls));
  EXPECT_EQ(New(block_layout), nullptr);
  EXPECT_EQ(calls, 3);
}

TEST_F(LastResortTest, ThreadsThatFailTogetherShareCycles) {
  constexpr unsigned kThreads = 6;
  FillUp();
  Drop();
  const uint64_t before = ForcedCycles();
  std::atomic<int> nulls{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { nulls += Nulls(node_layout, 100'000); });
  }
  const BlockingRegion waiting;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(nulls, 0);
  EXPECT_LE(ForcedCycles() - before, kThreads);
}

// Somebody in the heap waits for nobody: the collector would wait for him.
TEST_F(LastResortTest, InsideASectionNothingIsWaitedFor) {
  FillUp();
  Drop();
  const uint64_t before = Heap().collector.cycles();
  const HeapSection section;
  EXPECT_EQ(New(block_layout), nullptr);
  EXPECT_EQ(Heap().collector.cycles(), before);
}

std::atomic<int> finalizer_nulls{0};

void AllocateInFinalizer(void*, void*) {
  for (int i = 0; i < 20; ++i) finalizer_nulls += New(block_layout) == nullptr ? 1 : 0;
}

TEST_F(LastResortTest, AFinalizerMayFailWhileItsThreadWaitsForCycles) {
  void** const kept = Heap().roots.Take();
  std::thread([kept] {
    detail::StorePointer(kept, New(node_layout));
    Heap().SetFinalizer(*kept, AllocateInFinalizer, nullptr);
  }).join();
  FillUp();
  detail::StorePointer(kept, nullptr);
  Heap().roots.Put(kept);
  Heap().Collect();
  ASSERT_TRUE(Heap().DrainFinalizers(60'000'000'000));
  EXPECT_EQ(finalizer_nulls, 20);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // a child starts no thread
TEST_F(LastResortTest, AForkedChildHasCyclesOfItsOwn) {
  FillUp();
  Drop();
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    heap::AfterForkInChild();
    alarm(60);
    _exit(Nulls(node_layout, 100'000) + Nulls(block_layout, 100) == 0 ? 0 : 1);
  }
  heap::AfterForkInParent();
  int status = -1;
  const BlockingRegion waiting;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}
#endif

TEST_F(LastResortTest, ARefusingSystemIsAReasonToCollectToo) {
  heap::SetOption("hardlimit", "off");
  OnAnotherThread([this] {
    for (size_t i = 0; i < kRoom / sizeof(Node); ++i) EXPECT_TRUE(Keep());
  });
  Drop();
  ASSERT_TRUE(heap::SetOption("refuse_after", "0"));
  const uint64_t before = ForcedCycles();
  const int nulls = Nulls(node_layout, kRoom / 6 * 5 / sizeof(Node));
  ASSERT_TRUE(heap::SetOption("refuse_after", "-1"));
  EXPECT_EQ(nulls, 0);
  EXPECT_GT(ForcedCycles(), before);
}

}  // namespace
}  // namespace spanheap
