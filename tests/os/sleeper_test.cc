// SPDX-License-Identifier: MIT
#include "os/sleeper.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>

#include "base/atomic.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/signal_frames.h"
#include "os/thread.h"

namespace spanheap::os {
namespace {

// A thread that sleeps until it is told to end, plainly or in a signal handler.
struct Sleeper {
  Atomic<uint32_t> id;
  Atomic<uint32_t> in_handler;
  Atomic<uint32_t> end;
  uint64_t blocked = 0;
  uintptr_t variables = 0;
  bool spins = false;
};
thread_local int variable = 0;
Sleeper* current = nullptr;

void SleepInHandler(int) {
  current->in_handler.StoreRelease(1);
  while (current->end.LoadAcquire() == 0) FutexWait(current->end, 0);
}

void* Body(void* argument) {
  auto& sleeper = *static_cast<Sleeper*>(argument);
  sleeper.blocked = BlockedSignals();
  sleeper.variables = reinterpret_cast<uintptr_t>(&variable);
  sleeper.id.StoreRelease(ThreadId());
  while (sleeper.end.LoadAcquire() == 0) {
    if (!sleeper.spins) FutexWait(sleeper.end, 0);
  }
  return nullptr;
}

class SleeperTest : public testing::Test {
 protected:
  void Start(bool spins) {
    sleeper_.spins = spins;
    current = &sleeper_;
    ASSERT_EQ(pthread_create(&thread_, nullptr, Body, &sleeper_), 0);
    while (sleeper_.id.LoadAcquire() == 0) YieldThread();
  }
  void TearDown() override {
    sleeper_.end.StoreRelease(1);
    FutexWakeAll(sleeper_.end);
    pthread_join(thread_, nullptr);
  }
  bool IsAsleepNow() {
    return IsAsleep({sleeper_.id.LoadAcquire(), sleeper_.blocked, sleeper_.variables});
  }

  Sleeper sleeper_;
  pthread_t thread_{};
};

TEST_F(SleeperTest, CountsHowOftenAThreadRuns) {
  Start(false);
  const uint32_t id = sleeper_.id.LoadAcquire();
  while (!IsAsleepNow()) YieldThread();
  const uint64_t before = RunsOf(id);
  FutexWakeAll(sleeper_.end);  // it looks, and sleeps again
  while (RunsOf(id) == before) YieldThread();
  EXPECT_GT(RunsOf(id), before);
  EXPECT_EQ(RunsOf(0), 0U);
}

TEST_F(SleeperTest, SeesAThreadThatSleeps) {
  Start(false);
  const uint64_t end_ns = MonotonicNow_ns() + 60'000'000'000;  // it has to get there first
  bool seen = IsAsleepNow();
  for (; !seen && MonotonicNow_ns() < end_ns; seen = IsAsleepNow()) YieldThread();
  EXPECT_TRUE(seen);
}

TEST_F(SleeperTest, SeesThatAThreadRuns) {
  Start(true);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(IsAsleepNow());
}

TEST_F(SleeperTest, DoesNotTakeAHandlerThatSleepsForSleep) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = SleepInHandler;
  sigaction(SIGUSR2, &action, &before);
  Start(true);
  pthread_kill(thread_, SIGUSR2);
  while (sleeper_.in_handler.LoadAcquire() == 0) YieldThread();
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(IsAsleepNow());
  sigaction(SIGUSR2, &before, nullptr);
}

TEST(SleeperHandlersTest, SeesHandlersThatLeaveTheirSignalOpen) {
  // A sanitizer's own handlers do.
  if (!HandlersBlockTheirSignals()) GTEST_SKIP() << "a handler leaves its signal open already";
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = SleepInHandler;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGUSR2, &action, &before);
  EXPECT_FALSE(HandlersBlockTheirSignals());
  sigaction(SIGUSR2, &before, nullptr);
}

TEST(SleeperHandlersTest, HandlersOfCrashesMayLeaveTheirSignalOpen) {
  const bool before_them = HandlersBlockTheirSignals();
  struct sigaction action{};
  action.sa_handler = SleepInHandler;
  action.sa_flags = SA_NODEFER;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    struct sigaction before{};
    sigaction(signal, &action, &before);
    EXPECT_EQ(HandlersBlockTheirSignals(), before_them) << signal;
    sigaction(signal, &before, nullptr);
  }
}

TEST(SleeperHandlersTest, AThreadThatIsNotThereDoesNotSleep) {
  EXPECT_FALSE(IsAsleep({1, 0, 0}));
  EXPECT_FALSE(IsThere(1));
  EXPECT_TRUE(IsThere(ThreadId()));
}

// A handler that leaves no trace in what the kernel says of signals.
class HiddenHandlerTest : public SleeperTest {
 protected:
  void Handle(int flags) {
    struct sigaction action{};
    action.sa_handler = SleepInHandler;
    action.sa_flags = flags;
    sigaction(SIGUSR2, &action, &before_);
  }
  void Interrupt() {
    pthread_kill(thread_, SIGUSR2);
    while (sleeper_.in_handler.LoadAcquire() == 0) YieldThread();
  }
  void ExpectAwake() {
    if (!kFindsSignalFrames) GTEST_SKIP();
    for (int i = 0; i < 100; ++i) ASSERT_FALSE(IsAsleepNow());
  }
  void TearDown() override {
    SleeperTest::TearDown();
    sigaction(SIGUSR2, &before_, nullptr);
  }

 private:
  struct sigaction before_{};
};

TEST_F(HiddenHandlerTest, OfOneCall) {
  Start(false);
  Handle(static_cast<int>(SA_RESETHAND));
  Interrupt();
  EXPECT_FALSE(HandlersBlockTheirSignals());
  ExpectAwake();
}

TEST_F(HiddenHandlerTest, WithItsSignalOpen) {
  Start(false);
  Handle(SA_NODEFER);
  Interrupt();
  ExpectAwake();
}

TEST_F(HiddenHandlerTest, TakenAwayWhileItRuns) {
  Start(false);
  Handle(0);
  Interrupt();
  signal(SIGUSR2, SIG_DFL);
  ExpectAwake();
}

TEST_F(HiddenHandlerTest, OfASignalThatWasBlockedBefore) {
  Start(false);
  Handle(0);
  sleeper_.blocked |= uint64_t{1} << (SIGUSR2 - 1);
  Interrupt();
  ExpectAwake();
}

}  // namespace
}  // namespace spanheap::os
