// SPDX-License-Identifier: MIT
//
// The collected heap under eight threads that change one graph, come and go, block, get signals,
// and whose process forks: no node that can be reached is ever lost.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "mutators/blocking_region.h"
#include "mutators/stop_the_world.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/signals.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

using detail::LoadPointer;
using detail::StorePointer;

// A node that was lost has been zeroed, or is another one by now: its own address tells.
struct Node {
  void* children[2];
  uintptr_t check;
  uintptr_t payload[3];
};

constexpr uint64_t kFirstTwo = 3;
constexpr uintptr_t kCheck = 0x5a5a'a5a5'1234'4321;
constexpr size_t kSlots = 64;
constexpr int kThreads = 8;

// AddressSanitizer's own allocator may be locked by a thread that a forked child does not have:
// a thread started there would wait for ever, and a collection starts one.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kChildCanStartThreads = false;
#else
constexpr bool kChildCanStartThreads = true;
#endif

sh_layout node_layout = {sizeof(Node), SH_SCAN_PRECISE, 0, &kFirstTwo, nullptr,
                         nullptr,      "Node",          0, 0};

struct Shared {
  void** roots[kSlots];
  Atomic<bool> stop;
  Atomic<uint64_t> lost;
  Atomic<uint64_t> steps;
  Atomic<uint32_t> ids[kThreads];
} shared;

bool IsIntact(const Node* node) {
  return (node->check ^ reinterpret_cast<uintptr_t>(node)) == kCheck;
}

Node* NewNode(void* left, void* right) {
  auto* node = static_cast<Node*>(CollectedHeap::Get()->New(node_layout, 1));
  node->check = kCheck ^ reinterpret_cast<uintptr_t>(node);
  StorePointer(&node->children[0], left);
  StorePointer(&node->children[1], right);
  return node;
}

// Follows random children from a random root, looking at each node.
Node* Walk(std::mt19937& random, int steps) {
  auto* node = static_cast<Node*>(LoadPointer(shared.roots[random() % kSlots]));
  for (int i = 0; node != nullptr; ++i) {
    if (!IsIntact(node)) {
      shared.lost.FetchAdd(1);
      return nullptr;
    }
    auto* const next = static_cast<Node*>(LoadPointer(&node->children[random() % 2]));
    if (i >= steps || next == nullptr) break;
    node = next;
  }
  return node;
}

void ChangeSomething(std::mt19937& random) {
  Node* const from = Walk(random, 6);
  Node* const to = Walk(random, 6);
  void** const root = shared.roots[random() % kSlots];
  switch (random() % 8) {
    case 0:
      StorePointer(root, NewNode(from, nullptr));
      break;
    case 1:
      StorePointer(root, NewNode(nullptr, nullptr));  // what hung there is garbage, mostly
      break;
    case 2:
      sh_gc_exchange(root, from);
      break;
    case 3: {
      void* expected = from;
      sh_gc_compare_exchange(root, &expected, to);
      break;
    }
    default:
      if (from != nullptr) StorePointer(&from->children[random() % 2], NewNode(to, nullptr));
  }
}

void Mutate(int index, uint32_t seed) {
  std::mt19937 random(seed);
  shared.ids[index].StoreRelease(os::ThreadId());
  for (int i = 0; i < 20000 && !shared.stop.LoadAcquire(); ++i) {
    ChangeSomething(random);
    if (random() % 1024 == 0) {
      const BlockingRegion region;
      os::SleepFor_ns(20'000);
    }
    shared.steps.FetchAddRelaxed(1);
  }
  shared.ids[index].StoreRelease(0);
}

void KeepMutating(int index) {
  for (uint32_t round = 0; !shared.stop.LoadAcquire(); ++round) {
    std::thread(Mutate, index, static_cast<uint32_t>(index) * 1000 + round).join();
  }
}

void DisturbOften() {
  for (uint32_t i = 0; !shared.stop.LoadAcquire(); ++i) {
    const uint32_t id = shared.ids[i % kThreads].LoadAcquire();
    if (id != 0) os::SendSignal(id, SIGUSR1, nullptr);
    os::SleepFor_ns(100'000);
  }
}

// The child collects what it has inherited, and looks at all of it.
int ForkOnce() {
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    heap::AfterForkInChild();
    alarm(60);
    std::mt19937 random(1);
    for (int i = 0; i < 2000; ++i) ChangeSomething(random);
    if (kChildCanStartThreads && CollectedHeap::Get()->Verify() != 0) _exit(2);
    for (int i = 0; i < 2000; ++i) Walk(random, 20);
    _exit(shared.lost.LoadAcquire() == 0 ? 0 : 1);
  }
  heap::AfterForkInParent();
  int status = -1;
  const BlockingRegion region;
  waitpid(child, &status, 0);
  return status;
}

TEST(CollectedThreadsTest, NoNodeIsLostByThreadsThatComeGoBlockAreDisturbedAndForked) {
  signal(SIGUSR1, [](int) {});
  CollectedHeap& heap = *CollectedHeap::Get();
  // Known before it forks: its child would ask libc for its stack, and libc calloc, whose lock in
  // AddressSanitizer a thread that is gone may hold.
  ASSERT_NE(heap.Thread(), nullptr);
  for (void**& root : shared.roots) root = heap.roots.Take();
  std::vector<std::thread> keepers;
  for (int i = 0; i < kThreads; ++i) keepers.emplace_back(KeepMutating, i);
  keepers.emplace_back(DisturbOften);
  constexpr uint64_t kEnough = 1000;  // steps, which a busy machine takes its time for
  const uint64_t begin = os::MonotonicNow_ns();
  const auto goes_on = [begin] {
    const uint64_t passed_ns = os::MonotonicNow_ns() - begin;
    return passed_ns < 1'000'000'000 ||
           (shared.steps.LoadAcquire() <= kEnough && passed_ns < 60'000'000'000);
  };
  for (int i = 0; goes_on(); ++i) {
    EXPECT_EQ(heap.Verify(), 0U);
    if (i % 8 != 0) continue;
    ASSERT_EQ(ForkOnce(), 0);
  }
  shared.stop.StoreRelease(true);
  {
    const BlockingRegion region;
    for (std::thread& keeper : keepers) keeper.join();
  }
  EXPECT_EQ(shared.lost.LoadAcquire(), 0U);
  EXPECT_GT(shared.steps.LoadAcquire(), kEnough);
  for (void** root : shared.roots) {
    StorePointer(root, nullptr);
    heap.roots.Put(root);
  }
  heap.Collect();
}

bool HasClaimed(const collected::HeapThread& record) {
  for (const collected::ClaimedWord& word : record.cache.words) {
    if (word.free() != 0) return true;
  }
  return false;
}

// The child's exit status; `lost` is the record of a thread that it does not have.
int GiveBackInChild(const collected::HeapThread& lost) {
  alarm(60);
  if (!HasClaimed(lost)) return 1;
  std::thread comes;
  bool stays = false;
  {
    const StopTheWorld stopped(CollectedHeap::Get()->mutators);
    comes = std::thread([] { CollectedHeap::Get()->Thread(); });
    os::SleepFor_ns(50'000'000);
    stays = HasClaimed(lost);
  }
  const BlockingRegion waiting;
  comes.join();
  if (!stays) return 2;
  return HasClaimed(lost) ? 3 : 0;
}

TEST(CollectedThreadsTest, NothingOfLostThreadsIsGivenBackWhileTheWorldIsStopped) {
  if (!kChildCanStartThreads) GTEST_SKIP();
  std::atomic<collected::HeapThread*> record = nullptr;
  std::atomic<bool> stop = false;
  std::thread other([&] {
    NewNode(nullptr, nullptr);
    record = CollectedHeap::Get()->Thread();
    const BlockingRegion waiting;
    while (!stop) os::SleepFor_ns(1'000'000);
  });
  while (record == nullptr) os::SleepFor_ns(1'000'000);
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    heap::AfterForkInChild();
    _exit(GiveBackInChild(*record));
  }
  heap::AfterForkInParent();
  int status = -1;
  const BlockingRegion region;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "exit " << WEXITSTATUS(status);
  stop = true;
  other.join();
}

}  // namespace
}  // namespace spanheap
