// SPDX-License-Identifier: MIT
//
// ThreadRegistry: blocks of threads come, go and are used again; what a thread does after its block
// is gone.
#include "runtime/thread_registry.h"

#include <gtest/gtest.h>
#include <limits.h>
#include <pthread.h>

#include <atomic>
#include <barrier>
#include <set>
#include <thread>
#include <vector>

#include "heap_fixture.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

class ThreadRegistryTest : public HeapFixture {};

TEST_F(ThreadRegistryTest, AThreadGetsItsBlockWithItsFirstAllocation) {
  heap::Free(heap::Allocate(10), "test");
  const uint64_t before = Report().threads;
  std::thread([before] {
    EXPECT_EQ(this_thread.block, nullptr);
    EXPECT_EQ(this_thread.bins.LoadRelaxed(), &kEmptyBins);
    void* const block = heap::Allocate(10);
    ASSERT_NE(this_thread.block, nullptr);
    EXPECT_EQ(this_thread.bins.LoadRelaxed(), &this_thread.block->bins);
    EXPECT_EQ(Report().threads, before + 1);
    heap::Free(block, "test");
  }).join();
  EXPECT_EQ(Report().threads, before);
}

TEST_F(ThreadRegistryTest, ABlockIsUsedAgainByTheNextThread) {
  std::set<ThreadBlock*> seen;
  for (int i = 0; i < 20; ++i) {
    std::thread([&seen] {
      heap::Free(heap::Allocate(100), "test");
      seen.insert(this_thread.block);
    }).join();
  }
  EXPECT_EQ(seen.size(), 1U);
}

TEST_F(ThreadRegistryTest, ThreadsAtTheSameTimeHaveBlocksOfTheirOwn) {
  constexpr int kThreads = 16;
  ThreadBlock* blocks[kThreads] = {};
  std::barrier all_there(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      heap::Free(heap::Allocate(100), "test");
      blocks[i] = this_thread.block;
      all_there.arrive_and_wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<ThreadBlock*>(blocks, blocks + kThreads).size(), size_t{kThreads});
}

TEST_F(ThreadRegistryTest, TheCountsOfEndedThreadsAreKept) {
  const HeapReport before = Report();
  for (int i = 0; i < 5; ++i) {
    std::thread([] {
      std::vector<void*> blocks(5000);
      for (void*& block : blocks) block = heap::Allocate(48);
      for (void* block : blocks) heap::Free(block, "test");
    }).join();
  }
  const HeapReport after = Report();
  EXPECT_GT(after.refills, before.refills);
  EXPECT_GT(after.flushes, before.flushes);
  uint64_t taken = 0;
  for (unsigned c = 0; c < after.class_count; ++c) {
    taken += after.classes[c].allocated_total - before.classes[c].allocated_total;
    EXPECT_EQ(after.classes[c].live_blocks, before.classes[c].live_blocks);
  }
  EXPECT_GE(taken, 25'000U);
}

// Rounds of destructors that libc makes. ThreadSanitizer forgets a thread in its own key's
// destructor of the last one, which comes before ours; what is compiled for it crashes after that.
#if defined(__SANITIZE_THREAD__)
constexpr int kRounds = PTHREAD_DESTRUCTOR_ITERATIONS - 1;
#else
constexpr int kRounds = PTHREAD_DESTRUCTOR_ITERATIONS;
#endif

// A destructor of a thread's variable that comes back in every round, and so runs before and after
// the registry has taken the block back.
class LateUser {
 public:
  LateUser() { pthread_key_create(&key_, &Use); }
  ~LateUser() { pthread_key_delete(key_); }
  void Arm() { pthread_setspecific(key_, this); }
  int rounds() const { return rounds_; }
  int rounds_without_block() const { return without_block_; }

 private:
  static void Use(void* value) {
    auto* self = static_cast<LateUser*>(value);
    ++self->rounds_;
    for (size_t n : {1, 100, 5000, 100'000, 1 << 20, 40 << 20}) {
      void* const block = heap::Allocate(n);
      EXPECT_NE(block, nullptr);
      Fill(block, n, 2);
      void* const moved = heap::Reallocate(block, n * 3, "late");
      EXPECT_TRUE(IsFilled(moved, n, 2));
      heap::Free(moved, "late");
    }
    if (this_thread.exited) {
      ++self->without_block_;
      EXPECT_EQ(this_thread.block, nullptr);
    }
    if (self->rounds_ < kRounds) self->Arm();
  }

  pthread_key_t key_{};
  std::atomic<int> rounds_{0};
  std::atomic<int> without_block_{0};
};

TEST_F(ThreadRegistryTest, LastDestructorsCanAllocateWithAndWithoutABlock) {
  heap::Free(heap::Allocate(10), "test");
  const uint64_t threads = Report().threads;
  // Keys made after the registry's: their destructors run after its hook in each round.
  LateUser user;
  std::thread([&user] {
    heap::Free(heap::Allocate(10), "test");
    user.Arm();
  }).join();
  EXPECT_EQ(user.rounds(), kRounds);
  EXPECT_GE(user.rounds_without_block(), 1);
  EXPECT_LT(user.rounds_without_block(), user.rounds());
  EXPECT_EQ(Report().threads, threads);
  ExpectLive(0);
}

// ThreadSanitizer runs handlers at times of its own: caches of others are not looked at under it.
#if !defined(__SANITIZE_THREAD__)
// Comes back in every round of destructors, and is at the heap in the last one only: too late for
// the heap to be called when the thread ends.
class LastMoment {
 public:
  LastMoment() { pthread_key_create(&key_, &Use); }
  ~LastMoment() { pthread_key_delete(key_); }
  void Arm() { pthread_setspecific(key_, this); }

 private:
  static void Use(void* value) {
    auto* self = static_cast<LastMoment*>(value);
    if (++self->rounds_ < kRounds) return self->Arm();
    for (size_t n = 16; n < 100'000; n *= 2) heap::Free(heap::Allocate(n), "late");
  }

  pthread_key_t key_{};
  std::atomic<int> rounds_{0};
};

TEST_F(ThreadRegistryTest, TheBlockOfAThreadThatEndedWithoutAWordIsTakenBack) {
  heap::Free(heap::Allocate(10), "test");
  const uint64_t threads = Report().threads;
  for (int i = 0; i < 5; ++i) {
    LastMoment moment;
    std::thread([&moment] { moment.Arm(); }).join();
  }
  // The first time finds who is gone; at the second the blocks are orphans.
  for (int i = 0; i < 100 && Report().threads != threads; ++i) heap::Trim(0);
  EXPECT_EQ(Report().threads, threads);
  std::thread([] { heap::Free(heap::Allocate(10), "test"); }).join();
  EXPECT_EQ(Report().threads, threads);
  ExpectLive(0);
}

#endif

TEST_F(ThreadRegistryTest, AQuiescedHeapShowsEachBlockOnce) {
  struct Visitor {
    std::multiset<ThreadBlock*> blocks;
    int totals = 0;
    size_t all = 0;
    void Totals(const ThreadRegistry::Totals&) { ++totals; }
    void Block(ThreadBlock& block) { blocks.insert(&block); }
    void Done() { all = blocks.size(); }
  };
  heap::Free(heap::Allocate(10), "test");
  Visitor visitor;
  runtime.threads.Quiesced(visitor);
  EXPECT_EQ(visitor.totals, 1);
  EXPECT_EQ(visitor.blocks.count(this_thread.block), 1U);
  EXPECT_EQ(visitor.blocks.count(&runtime.threads.shared_block()), 1U);
  EXPECT_EQ(visitor.all, visitor.blocks.size());
  EXPECT_EQ(visitor.all, Report().threads + 1);
}

}  // namespace
}  // namespace spanheap
