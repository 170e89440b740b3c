// SPDX-License-Identifier: MIT
//
// A fork in a handler that interrupted the heap locks nothing: its child must do without it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "os/clock.h"
#include "os/futex.h"
#include "runtime/heap.h"
#include "runtime/runtime.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

// Whether the child ends within a minute, and with status 0.
bool EndsWell(pid_t child) {
  int status = -1;
  for (int i = 0; i < 6000; ++i) {
    if (waitpid(child, &status, WNOHANG) == child) return status == 0;
    os::SleepFor_ns(10'000'000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return false;
}

int UseTheHeap() {
  void* const small = heap::Allocate(100);
  void* const large = heap::Allocate(20000);
  if (small == nullptr || large == nullptr) return 1;
  memset(small, 1, 100);
  memset(large, 2, 20000);
  heap::Free(small, "free");
  heap::Free(large, "free");
  return 0;
}

// Interrupted at the very end of a slow path: the section is left, the stop delay is open.
TEST(UnlockedForkTest, TheChildIsServedThoughAnotherThreadHadClosedTheGate) {
  ASSERT_EQ(UseTheHeap(), 0);
  pid_t child = 0;
  runtime.gate.Close();  // as another thread's fork does, which is then not in the child
  {
    const StopDelay delay;
    heap::BeforeFork();
    child = fork();
    if (child == 0) {
      heap::AfterForkInChild();
      _exit(UseTheHeap());
    }
    heap::AfterForkInParent();
  }
  runtime.gate.Open();
  EXPECT_TRUE(EndsWell(child));
  EXPECT_EQ(UseTheHeap(), 0);
}

}  // namespace
}  // namespace spanheap
