// SPDX-License-Identifier: MIT
//
// ProcessEnd: who counts as one of the program's threads. That the process then ends is seen from
// outside (tests/stress/last_thread_test.py).
#include "runtime/process_end.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "os/futex.h"
#include "runtime/heap.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

// AddressSanitizer's own allocator may be locked by a thread that a forked child does not have:
// a thread started there would wait for ever. ThreadSanitizer has a thread of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCountIsExact = false;
#else
constexpr bool kCountIsExact = true;
#endif

void AwaitChange(Atomic<uint32_t>& word) {
  while (word.LoadAcquire() == 0) os::FutexWait(word, 0);
}

void Set(Atomic<uint32_t>& word, uint32_t value) {
  word.StoreRelease(value);
  os::FutexWakeAll(word);
}

template <class Condition>
bool Await(Condition condition) {
  for (int waited_ms = 0; waited_ms < 60'000; ++waited_ms) {
    if (condition()) return true;
    os::SleepFor_ns(1'000'000);
  }
  return false;
}

TEST(ProcessEndTest, IsNotDueWhileTheFirstThreadIsThere) {
  heap::Free(heap::Allocate(10), "test");
  EXPECT_FALSE(runtime.process_end.IsDue());
}

Atomic<uint32_t> ended;
Atomic<uint32_t> gate;
ServiceThread second{"tested-2", [](void*) { AwaitChange(gate); }};

// In a child that has nobody but a service thread. Returns what is wrong.
int InChild() {
  const ProcessEnd& end = runtime.process_end;
  if (!end.IsDue()) return 1;
  Atomic<uint32_t> may_end;
  std::thread own([&] { AwaitChange(may_end); });
  if (end.IsDue()) return 2;
  Set(may_end, 1);
  own.join();
  if (!Await([&] { return end.IsDue(); })) return 3;
  if (!second.Start(nullptr)) return 4;
  if (!Await([&] { return end.IsDue(); })) return 5;
  Set(gate, 1);
  return Await([&] { return end.IsDue(); }) ? 0 : 6;
}

// Forks; the child ends with what InChild returns, or by its own patience.
void Fork(void*) {
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    heap::AfterForkInChild();
    alarm(100);
    _exit(InChild());
  }
  heap::AfterForkInParent();
  int status = -1;
  waitpid(child, &status, 0);
  Set(ended, WIFEXITED(status) ? 100 + WEXITSTATUS(status) : 1);
}
ServiceThread first{"tested-1", Fork};

TEST(ProcessEndTest, IsDueInAChildOfServiceThreadsAlone) {
  if (!kCountIsExact) GTEST_SKIP();
  heap::Free(heap::Allocate(10), "test");
  ASSERT_TRUE(first.Start(nullptr));
  AwaitChange(ended);
  EXPECT_EQ(ended.LoadAcquire(), 100U);
}

TEST(ProcessEndTest, KnowsHowManyThreadsOfTheProgramAreAttached) {
  heap::Free(heap::Allocate(10), "test");
  const uint32_t before = runtime.threads.of_program();
  EXPECT_GE(before, 1U);
  std::thread([before] {
    heap::Free(heap::Allocate(10), "test");
    EXPECT_EQ(runtime.threads.of_program(), before + 1);
  }).join();
  EXPECT_EQ(runtime.threads.of_program(), before);

  static Atomic<uint32_t> seen;
  static ServiceThread service{"tested-3", [](void*) {
                                 heap::Free(heap::Allocate(10), "test");
                                 Set(seen, 1 + runtime.threads.of_program());
                               }};
  ASSERT_TRUE(service.Start(nullptr));
  AwaitChange(seen);
  EXPECT_EQ(seen.LoadAcquire(), 1 + before);
}

}  // namespace
}  // namespace spanheap
