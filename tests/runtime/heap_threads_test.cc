// SPDX-License-Identifier: MIT
//
// heap:: in several threads: what threads leave at their end, and fork. Storms of these are in
// tests/stress.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include "caches/cache_share.h"
#include "heap_fixture.h"
#include "models/script_random.h"
#include "spans/batch_shelf.h"

namespace spanheap {
namespace {

class HeapThreadsTest : public HeapFixture {};

std::vector<void*> TakeSome(uint64_t seed, int count) {
  ScriptRandom random(seed);
  std::vector<void*> blocks;
  for (int i = 0; i < count; ++i) {
    const size_t n = random.Size(16);
    blocks.push_back(heap::Allocate(n));
    Fill(blocks.back(), n, 1);
  }
  return blocks;
}

void FreeAll(const std::vector<void*>& blocks) {
  for (void* block : blocks) heap::Free(block, "test");
}

TEST_F(HeapThreadsTest, AThreadThatEndsLeavesNothingButWhatATrimTakes) {
  heap::Trim(0);
  const HeapReport before = Report();
  for (uint64_t i = 0; i < 10; ++i) {
    std::thread([i] { FreeAll(TakeSome(i, 3000)); }).join();
  }
  heap::Trim(0);
  const HeapReport after = Report();
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_EQ(after.thread_cache_bytes, before.thread_cache_bytes);
  EXPECT_EQ(after.page_cache_bytes, before.page_cache_bytes);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_TRUE(after.AddsUp());
}

// As the heap's own thread does behind the program's back: what is compared is read at one moment.
TEST_F(HeapThreadsTest, AHeapIsVerifiedWhileSmallBlocksComeAndGo) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&stop, i] {
      ScriptRandom random(i);
      std::vector<void*> blocks;
      while (!stop.load()) {
        for (int n = 0; n < 300; ++n) blocks.push_back(heap::Allocate(1 + random.Below(2000)));
        FreeAll(blocks);
        blocks.clear();
        heap::FlushThreadCache();
      }
    });
  }
  for (int i = 0; i < 100; ++i) heap::Verify();
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// A megabyte of blocks of all sizes, freed: what a request does.
void ServeRequest(ScriptRandom& random) {
  std::vector<void*> blocks;
  for (size_t bytes = 0; bytes < (1 << 20);) {
    const size_t n = (size_t{250'000} >> random.Below(12)) + random.Below(64);
    blocks.push_back(heap::Allocate(n));
    bytes += n;
  }
  FreeAll(blocks);
}

TEST_F(HeapThreadsTest, ManyThreadsThatAreBusyNowAndThenKeepABoundedSum) {
  constexpr int kThreads = 64;
  heap::Trim(0);
  const HeapReport before = Report();
  std::barrier done(kThreads + 1);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&done, i] {
      ScriptRandom random(i);
      for (int round = 0; round < 2; ++round) {
        for (int request = 0; request < 5; ++request) ServeRequest(random);
        done.arrive_and_wait();  // all of them are there from now on
      }
      done.arrive_and_wait();
    });
  }
  done.arrive_and_wait();
  done.arrive_and_wait();
  const HeapReport after = Report();
  done.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  // Blocks on the shelf count as kept by threads, too.
  const uint64_t most = CacheShare::kLeastForAll + BatchShelf::kMaxBytes;
  EXPECT_LE(after.thread_cache_bytes - before.thread_cache_bytes, most);
}

TEST_F(HeapThreadsTest, BlocksOutliveTheThreadThatTookThem) {
  std::vector<void*> blocks[4];
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&blocks, i] { blocks[i] = TakeSome(i, 2000); });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectLive(4 * 2000);
  threads.clear();
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&blocks, i] { FreeAll(blocks[(i + 1) % 4]); });
  }
  for (std::thread& thread : threads) thread.join();
}

// What the child finds, as its exit status.
int InChild(uint64_t expected, const std::vector<void*>& inherited) {
  heap::AfterForkInChild();
  if (heap::Verify() != expected) return 1;
  HeapReport report;
  heap::ReadReport(report);
  if (!report.AddsUp()) return 2;
  if (report.threads != 1) return 3;  // those of the parent are gone, and so are their caches
  for (void* block : inherited) heap::Free(block, "child");
  const std::vector<void*> own = TakeSome(99, 500);
  if (heap::Verify() != expected - inherited.size() + own.size()) return 4;
  for (void* block : own) heap::Free(block, "child");
  return heap::Verify() == expected - inherited.size() ? 0 : 5;
}

TEST_F(HeapThreadsTest, AForkedChildHasASoundHeapAndReclaimsWhatLostThreadsKept) {
  std::barrier ready(5);
  std::barrier done(5);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::vector<void*> blocks = TakeSome(i, 1000);
      FreeAll(TakeSome(i + 10, 1000));  // lies in this thread's caches
      ready.arrive_and_wait();
      done.arrive_and_wait();
      FreeAll(blocks);
    });
  }
  ready.arrive_and_wait();
  const std::vector<void*> mine = TakeSome(50, 1000);
  ExpectLive(5000);
  const uint64_t live = heap::Verify();
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) _exit(InChild(live, mine));
  heap::AfterForkInParent();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  done.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  FreeAll(mine);
}

}  // namespace
}  // namespace spanheap
