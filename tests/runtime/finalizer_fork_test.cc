// SPDX-License-Identifier: MIT
//
// What becomes of finalizers, destructors and cleanups when the process forks: what waits runs in
// the child as well, what was running does not run twice.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "mutators/blocking_region.h"
#include "os/futex.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

// AddressSanitizer's own allocator may be locked by a thread that a forked child does not have:
// a thread started there would wait for ever.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kChildCanStartThreads = false;
#else
constexpr bool kChildCanStartThreads = true;
#endif

constexpr uint64_t kTwoWords = 3;
constexpr uint64_t kLong_ns = 60'000'000'000;
sh_layout plain = {16, SH_SCAN_PRECISE, 0, &kTwoWords, nullptr, nullptr, "plain", 0, 0};

CollectedHeap& Heap() { return *CollectedHeap::Get(); }

// On a thread that ends: no frame of the test ever held what is made there.
template <class Function>
void Elsewhere(Function&& function) {
  std::thread thread(function);
  const BlockingRegion waiting;
  thread.join();
}

template <class InChild>
int ExitOfChild(InChild&& in_child) {
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    heap::AfterForkInChild();
    alarm(60);
    _exit(in_child());
  }
  heap::AfterForkInParent();
  int status = -1;
  const BlockingRegion waiting;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::atomic<int> begun{0};
std::atomic<int> ended{0};
std::atomic<bool> may_end{false};

class FinalizerForkTest : public testing::Test {
 protected:
  void SetUp() override {
    begun = ended = 0;
    may_end = false;
    if (!kChildCanStartThreads) GTEST_SKIP();
  }
};

// Of the first object that dies the finalizer runs until the test ends it, the others wait.
void RunUntilAllowed(void*, void*) {
  ++begun;
  {
    const BlockingRegion waiting;
    while (!may_end) os::SleepFor_ns(1'000'000);
  }
  ++ended;
}

void MakeDying(int count) {
  Elsewhere([&] {
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(Heap().SetFinalizer(Heap().New(plain, 1), RunUntilAllowed, nullptr));
    }
  });
  Heap().Collect();
}

TEST_F(FinalizerForkTest, WhatWaitsRunsInTheChildAndWhatWasRunningDoesNotAgain) {
  constexpr int kObjects = 5;
  MakeDying(kObjects);
  while (begun == 0) os::SleepFor_ns(1'000'000);
  const int status = ExitOfChild([] {
    may_end = true;
    if (!Heap().DrainFinalizers(kLong_ns)) return 1;
    if (begun != kObjects || ended != kObjects - 1) return 2;
    const auto& specials = Heap().collector.specials;
    return specials.run() == specials.queued() ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
  may_end = true;
  EXPECT_TRUE(Heap().DrainFinalizers(kLong_ns));
  EXPECT_EQ(ended, kObjects);
}

TEST_F(FinalizerForkTest, WhatDiesInAChildIsFinalizedThere) {
  void** const root = Heap().roots.Take();
  may_end = true;
  Elsewhere([&] {
    detail::StorePointer(root, Heap().New(plain, 1));
    EXPECT_TRUE(Heap().SetFinalizer(*root, RunUntilAllowed, nullptr));
  });
  const int status = ExitOfChild([&] {
    detail::StorePointer(root, nullptr);
    Heap().Collect();  // nobody asks for the finalizers: the collector sees to their thread
    for (uint64_t ms = 0; ended == 0 && ms < 60'000; ++ms) os::SleepFor_ns(1'000'000);
    return ended == 1 ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(begun, 0);
  Heap().SetFinalizer(*root, nullptr, nullptr);
  detail::StorePointer(root, nullptr);
  Heap().roots.Put(root);
}

// A destructor that runs by hand forks: parent and child both come to its end.
int child_status = -1;
void ForkAndGoOn(void*) {
  ++begun;
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    heap::AfterForkInChild();
    child_status = 0;
    return;
  }
  heap::AfterForkInParent();
  waitpid(child, &child_status, 0);
}
sh_layout forks = {
    16, SH_SCAN_PRECISE, SH_FINALIZE_LATER, &kTwoWords, nullptr, ForkAndGoOn, "forks", 0, 0};

TEST_F(FinalizerForkTest, AForkInADestructorThatRunsByHandLosesNothing) {
  const pid_t parent = getpid();
  void* const object = Heap().New(forks, 1);
  ASSERT_TRUE(Heap().SetDestructor(object, forks, 1));
  Heap().Delete(object);
  const bool is_whole = begun == 1 && Heap().BaseOf(object) == nullptr && Heap().Verify() == 0;
  if (getpid() != parent) _exit(is_whole ? 0 : 1);
  EXPECT_TRUE(is_whole);
  EXPECT_EQ(child_status, 0);
}

std::atomic<bool> forked_inside{false};
void ForkInside(void*, void*) {
  if (forked_inside.exchange(true)) {
    ++ended;
    return;
  }
  child_status = ExitOfChild([] {
    // This thread goes on: what else is queued waits for it, and it does not wait for itself.
    return Heap().DrainFinalizers(kLong_ns) ? 1 : 0;
  });
}

TEST_F(FinalizerForkTest, AFinalizerMayFork) {
  child_status = -1;
  Elsewhere([&] {
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(Heap().SetFinalizer(Heap().New(plain, 1), ForkInside, nullptr));
    }
  });
  Heap().Collect();
  EXPECT_TRUE(Heap().DrainFinalizers(kLong_ns));
  EXPECT_EQ(child_status, 0);
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace spanheap
