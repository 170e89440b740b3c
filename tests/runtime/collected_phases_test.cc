// SPDX-License-Identifier: MIT
//
// What may happen at any moment happens in each phase of a cycle: the process forks, and the child
// goes on collecting; threads come, and threads go.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "mutators/blocking_region.h"
#include "os/clock.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

enum Phase { kMarking, kSweeping, kResting, kPhases };
using Counts = std::array<std::atomic<int>, kPhases>;

CollectedHeap& Heap() { return *CollectedHeap::Get(); }

Phase PhaseNow() {
  if (Heap().collector.state.is_marking()) return kMarking;
  return Heap().collector.store.unswept() != 0 ? kSweeping : kResting;
}
// Returns in that phase, if it comes soon.
void AwaitPhase(Phase wanted) {
  constexpr uint64_t kSoon_ns = 1'000'000'000;
  const uint64_t end = os::MonotonicNow_ns() + kSoon_ns;
  while (PhaseNow() != wanted && os::MonotonicNow_ns() < end) std::this_thread::yield();
}
bool HasEach(const Counts& counts, int least) {
  return counts[kMarking] >= least && counts[kSweeping] >= least;
}

// AddressSanitizer's own allocator may be locked by a thread that a forked child does not have:
// a thread started there would wait for ever, and a collection starts one.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kChildCanStartThreads = false;
#else
constexpr bool kChildCanStartThreads = true;
#endif

struct Node {
  void* children[2];
  uintptr_t inverted;
  uintptr_t rest;
};
constexpr uint64_t kFirstTwo = 3;
sh_layout node_layout = {sizeof(Node), SH_SCAN_PRECISE, 0, &kFirstTwo, nullptr,
                         nullptr,      "Node",          0, 0};

Node* NewTree(int depth) {
  auto* const node = static_cast<Node*>(Heap().New(node_layout, 1));
  node->inverted = ~reinterpret_cast<uintptr_t>(node);
  if (depth == 0) return node;
  for (void*& child : node->children) detail::StorePointer(&child, NewTree(depth - 1));
  return node;
}
// Nodes that are what they were.
int CountWhole(const Node* node) {
  if (node == nullptr || node->inverted != ~reinterpret_cast<uintptr_t>(node)) return 0;
  int n = 1;
  for (const void* child : node->children) n += CountWhole(static_cast<const Node*>(child));
  return n;
}
constexpr int NodesOf(int depth) { return (2 << depth) - 1; }

// A tree that takes a while to mark, a thread that collects, and one that makes garbage.
class PhasesTest : public testing::Test {
 protected:
  static constexpr int kDepth = 15;

  PhasesTest() {
    root_ = Heap().roots.Take();
    std::thread([this] { detail::StorePointer(root_, NewTree(kDepth)); }).join();
    threads_[0] = std::thread([this] {
      while (!stop_) Heap().Collect();
    });
    threads_[1] = std::thread([this] {
      while (!stop_) NewTree(8);
    });
  }
  ~PhasesTest() override {
    stop_ = true;
    const BlockingRegion waiting;
    for (std::thread& thread : threads_) thread.join();
    detail::StorePointer(root_, nullptr);
    Heap().roots.Put(root_);
  }

  bool IsWhole() const { return CountWhole(static_cast<Node*>(*root_)) == NodesOf(kDepth); }

  // 0, or a number that says what was wrong in the child.
  int LiveInChild() const {
    alarm(60);
    if (!IsWhole()) return 1;
    if (!kChildCanStartThreads) return 0;  // a new object may ask for a collection
    const Node* const mine = NewTree(10);
    for (int i = 0; i < 2; ++i) {
      if (Heap().Verify() != 0) return 2;
      NewTree(10);
    }
    if (CountWhole(mine) != NodesOf(10)) return 3;
    return IsWhole() ? 0 : 4;
  }
  // The child's status; counts the phase that it began in.
  int ForkOnce(Counts& counts) {
    AwaitPhase(counts[kMarking] < counts[kSweeping] ? kMarking : kSweeping);
    heap::BeforeFork();
    const Phase phase = PhaseNow();
    const pid_t child = fork();
    if (child == 0) {
      heap::AfterForkInChild();
      _exit(LiveInChild());
    }
    heap::AfterForkInParent();
    int status = -1;
    const BlockingRegion waiting;
    waitpid(child, &status, 0);
    ++counts[phase];
    return status;
  }

  void** root_ = nullptr;
  std::atomic<bool> stop_ = false;
  std::thread threads_[2];
};

constexpr uint64_t kLongest_ns = 60'000'000'000;

TEST_F(PhasesTest, AForkedChildGoesOnCollectingWhateverThePhase) {
  Counts counts{};
  const uint64_t end = os::MonotonicNow_ns() + kLongest_ns;
  while (!HasEach(counts, 3) && os::MonotonicNow_ns() < end) {
    const int status = ForkOnce(counts);
    ASSERT_EQ(status, 0) << "exit " << WEXITSTATUS(status);
  }
  EXPECT_GE(counts[kMarking], 3);
  EXPECT_GE(counts[kSweeping], 3);
  EXPECT_TRUE(IsWhole());
}

TEST_F(PhasesTest, ThreadsComeAndGoWhateverThePhase) {
  Counts came{};
  Counts gone{};
  const auto live = [&] {
    ++came[PhaseNow()];
    const Node* const mine = NewTree(6);
    NewTree(6);
    EXPECT_EQ(CountWhole(mine), NodesOf(6));
    Heap().DetachThread();
    ++gone[PhaseNow()];
  };
  const uint64_t end = os::MonotonicNow_ns() + kLongest_ns;
  while (!(HasEach(came, 20) && HasEach(gone, 20)) && os::MonotonicNow_ns() < end) {
    std::thread threads[] = {std::thread(live), std::thread(live), std::thread(live)};
    for (std::thread& thread : threads) thread.join();
  }
  for (const Phase phase : {kMarking, kSweeping}) {
    EXPECT_GE(came[phase], 20);
    EXPECT_GE(gone[phase], 20);
  }
  EXPECT_TRUE(IsWhole());
}

}  // namespace
}  // namespace spanheap
