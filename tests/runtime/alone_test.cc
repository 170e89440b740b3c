// SPDX-License-Identifier: MIT
//
// Alone: the heap does without atomics exactly while one thread may open sections. Threads that
// only exist, or rest, do not count; the second to come waits until the first is outside.
#include "sync/alone.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "heap_fixture.h"
#include "os/clock.h"
#include "os/futex.h"
#include "runtime/heap_section.h"

namespace spanheap {
namespace {

void UseHeap() { heap::Free(heap::Allocate(10), "test"); }

class AloneTest : public HeapFixture {
 protected:
  void SetUp() override {
    HeapFixture::SetUp();
    UseHeap();
    ASSERT_TRUE(IsAlone());
  }
};

TEST_F(AloneTest, AThreadThatNeverAllocatesIsNoCompany) {
  std::thread([] { EXPECT_TRUE(IsAlone()); }).join();
}

TEST_F(AloneTest, ASecondThreadIsCompanyUntilItEnds) {
  std::thread([] {
    UseHeap();
    EXPECT_FALSE(IsAlone());
  }).join();
  EXPECT_TRUE(IsAlone());
}

TEST_F(AloneTest, AThreadThatRestsIsNoCompany) {
  std::thread([] {
    UseHeap();
    {
      const ThreadRegistry::Absence rest(runtime.threads);
      EXPECT_TRUE(IsAlone());
    }
    EXPECT_FALSE(IsAlone());
  }).join();
}

TEST_F(AloneTest, AGuestIsCompany) {
  std::thread([] {
    {
      const ThreadRegistry::Guest guest(runtime.threads);
      const ThreadRegistry::Guest again(runtime.threads);
      EXPECT_FALSE(IsAlone());
    }
    EXPECT_TRUE(IsAlone());
  }).join();
}

TEST_F(AloneTest, TheSecondThreadWaitsUntilTheFirstIsOutside) {
  std::atomic<bool> is_in{false};
  std::thread second;
  {
    const HeapSection section;
    second = std::thread([&] {
      UseHeap();
      is_in = true;
    });
    os::SleepFor_ns(20'000'000);
    EXPECT_FALSE(is_in);
    EXPECT_TRUE(IsAlone());
  }
  second.join();
  EXPECT_TRUE(is_in);
}

TEST_F(AloneTest, AForkedChildIsAlone) {
  std::atomic<bool> stop{false};
  std::atomic<bool> is_in{false};
  std::thread second([&] {
    UseHeap();
    is_in = true;
    while (!stop) os::YieldThread();
  });
  while (!is_in) os::YieldThread();
  EXPECT_FALSE(IsAlone());
  runtime.BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    runtime.AfterForkInChild();
    UseHeap();
    _exit(IsAlone() ? 0 : 1);
  }
  runtime.AfterForkInParent();
  stop = true;
  second.join();
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Whether the heap did not begin anew to do without atomics after so many short lives.
bool StaysInCompanyAfter(int threads) {
  for (int i = 0; i < threads; ++i) std::thread(UseHeap).join();
  return !IsAlone();
}

TEST_F(AloneTest, WhereThreadsComeAndGoFastTheNextOneIsExpected) {
  bool stays = false;
  // Fast, but for what else the machine does meanwhile.
  for (int tries = 0; tries < 100 && !stays; ++tries) stays = StaysInCompanyAfter(20);
  EXPECT_TRUE(stays);
}

TEST_F(AloneTest, ADepartureAfterALongerWhileEndsThat) {
  StaysInCompanyAfter(20);
  os::SleepFor_ns(20'000'000);
  EXPECT_FALSE(StaysInCompanyAfter(1));
  StaysInCompanyAfter(20);
  os::SleepFor_ns(20'000'000);
  std::thread([] { const ThreadRegistry::Guest guest(runtime.threads); }).join();
  EXPECT_TRUE(IsAlone());
}

// Blocks of one class, so that neighbours in a word are in different hands.
void Churn(unsigned rounds) {
  std::vector<void*> blocks(300);
  for (unsigned round = 0; round < rounds; ++round) {
    for (void*& block : blocks) block = heap::Allocate(48);
    for (void* block : blocks) heap::Free(block, "test");
  }
}

TEST_F(AloneTest, NothingIsLostWhileThreadsComeAndGo) {
  std::atomic<bool> stop{false};
  std::thread resting([&] {
    while (!stop) {
      Churn(1);
      const ThreadRegistry::Absence rest(runtime.threads);
      os::SleepFor_ns(20'000);
    }
  });
  std::thread coming([&] {
    for (int i = 0; i < 200; ++i) std::thread([] { Churn(2); }).join();
    stop = true;
  });
  while (!stop) Churn(1);
  coming.join();
  resting.join();
  os::SleepFor_ns(20'000'000);
  EXPECT_FALSE(StaysInCompanyAfter(1));
}

}  // namespace
}  // namespace spanheap
