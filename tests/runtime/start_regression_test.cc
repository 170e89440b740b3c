// SPDX-License-Identifier: MIT
//
// Starts that are refused, and forks meanwhile. Each test is a process of its own, in which the
// heap has not started yet.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "os/memory.h"
#include "runtime/heap.h"

namespace spanheap {
namespace {

// A start that is refused at the n-th request for memory, then one that is not.
void StartTwice(int64_t n) {
  os::RefuseMemoryAfterForTest(n);
  heap::Start();
  os::RefuseMemoryAfterForTest(0);
  if (!heap::Start()) _exit(1);
  void* p = heap::Allocate(1000);
  if (p == nullptr) _exit(2);
  memset(p, 1, 1000);
  if (heap::Verify() != 1) _exit(3);
  heap::Free(p, "free");
  if (heap::Verify() != 0) _exit(4);
  _exit(0);
}

TEST(StartRegressionTest, ARefusedStartIsTriedAgain) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (int64_t n = 1; n <= 16; ++n) {
    EXPECT_EXIT(StartTwice(n), testing::ExitedWithCode(0), "") << "request " << n;
  }
}

void* StartForEver(void*) {
  for (;;) heap::Start();
}

// Another thread is within Start at almost any instant.
void ForkDuringStarts() {
  os::RefuseMemoryAfterForTest(1);
  pthread_atfork(heap::BeforeFork, heap::AfterForkInParent, heap::AfterForkInChild);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, StartForEver, nullptr) != 0) _exit(1);
  for (int i = 0; i < 200; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(heap::Start() ? 2 : 0);
    }
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0) _exit(3);
  }
  _exit(0);
}

TEST(StartRegressionTest, AChildMadeDuringAStartMayStart) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ForkDuringStarts(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace spanheap
