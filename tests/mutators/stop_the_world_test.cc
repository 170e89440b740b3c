// SPDX-License-Identifier: MIT
//
// Stopping: while the world is stopped no attached thread makes a step, whatever it was doing.
#include "mutators/stop_the_world.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <thread>
#include <vector>

#include "mutators/attached.h"
#include "mutators/blocking_region.h"
#include "mutators/stop_signal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/service_thread.h"
#include "os/thread_context.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

// What threads count up while they may run; a stopped thread's count stands still.
struct Shared {
  Atomic<bool> stop;
  Atomic<uint64_t> started;
  Atomic<uint64_t> counts[8];
};

template <class Body>
std::thread Counter(Shared& shared, size_t i, Body body) {
  return std::thread([&shared, i, body] {
    const Attached attached;
    shared.started.FetchAdd(1);
    while (!shared.stop.LoadAcquire()) body(shared.counts[i]);
  });
}

// No signal of the registry's reaches the thread any more.
void BlockStopSignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, TestRegistry().signal());
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void ExpectStandstill(Shared& shared) {
  uint64_t before[8];
  for (int i = 0; i < 8; ++i) before[i] = shared.counts[i].LoadAcquire();
  for (int i = 0; i < 200; ++i) os::SpinHint();
  os::YieldThread();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(shared.counts[i].LoadAcquire(), before[i]);
}

template <class... Bodies>
void StopOften(int stops, Bodies... bodies) {
  Shared shared;
  std::vector<std::thread> threads;
  size_t i = 0;
  (threads.push_back(Counter(shared, i++, bodies)), ...);
  while (shared.started.LoadAcquire() != threads.size()) os::YieldThread();
  for (int stop = 0; stop < stops; ++stop) {
    const StopTheWorld stopped(TestRegistry());
    ExpectStandstill(shared);
  }
  shared.stop.StoreRelease(true);
  for (std::thread& thread : threads) thread.join();
}

void Spin(Atomic<uint64_t>& count) { count.AddOwned(1); }
void SpinInDelays(Atomic<uint64_t>& count) {
  const StopDelay outer;
  count.AddOwned(1);
  const StopDelay inner;
  count.AddOwned(1);
}
void Sleep(Atomic<uint64_t>& count) {
  count.AddOwned(1);
  const BlockingRegion region;
  os::SleepFor_ns(20'000);
}

TEST(StopTheWorldTest, StopsThreadsThatSpin) { StopOften(60, Spin, Spin, Spin); }

TEST(StopTheWorldTest, StopsThreadsInDelaysAndBlockingRegions) {
  StopOften(100, Spin, SpinInDelays, SpinInDelays, Sleep);
}

// Fork takes libc's locks when the world is stopped: who is stopped there may hold one.
void OpenAndClose(Atomic<uint64_t>& count) {
  count.AddOwned(1);
  if (FILE* file = fopen("/dev/null", "r")) fclose(file);
}

void ExpectNobodyInTheMidstOfLibc() {
  TestRegistry().ForEach([](const Mutator& mutator) {
    if (mutator.context == nullptr || os::IsAtSystemCall(mutator.context)) return;
    const uintptr_t pc = os::ProgramCounter(mutator.context);
    EXPECT_FALSE(os::IsSystemCode(reinterpret_cast<const void*>(pc)));
  });
}

// On a busy machine a fork may wait until its patience ends, and then takes any stop.
TEST(StopTheWorldTest, BeforeAForkNobodyIsStoppedInTheMidstOfLibc) {
  constexpr uint64_t kPatience_ns = 200'000'000;
  Shared shared;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 3; ++i) threads.push_back(Counter(shared, i, OpenAndClose));
  while (shared.started.LoadAcquire() != threads.size()) os::YieldThread();
  int judged = 0;
  const uint64_t end_ns = os::MonotonicNow_ns() + 60'000'000'000;
  while (judged < 50 && os::MonotonicNow_ns() < end_ns) {
    const uint64_t begin = os::MonotonicNow_ns();
    TestRegistry().BeforeFork();
    const bool ran_out_of_patience = os::MonotonicNow_ns() - begin > kPatience_ns;
    if (!ran_out_of_patience) {
      ExpectNobodyInTheMidstOfLibc();
      ++judged;
    }
    TestRegistry().AfterForkInParent();
  }
  EXPECT_GT(judged, 0);
  shared.stop.StoreRelease(true);
  for (std::thread& thread : threads) thread.join();
}

// It blocks the signal, and looks.
void LookOften(Atomic<uint64_t>& count) {
  BlockStopSignal();
  for (int i = 0; i < 1000; ++i) {
    count.AddOwned(1);
    PollStop(*this_mutator);
  }
}

TEST(StopTheWorldTest, WhoLooksWhetherItIsAskedNeedsNoSignal) {
  StopOften(200, LookOften);
  StopOften(60, LookOften, LookOften, Spin);
}

TEST(StopTheWorldTest, NorForARaggedBarrier) {
  Shared shared;
  std::thread thread = Counter(shared, 0, LookOften);
  while (shared.started.LoadAcquire() != 1) os::YieldThread();
  for (int i = 0; i < 200; ++i) {
    int visits = 0;
    TestRegistry().RaggedBarrier([](Mutator&, void* n) { ++*static_cast<int*>(n); }, &visits);
    EXPECT_EQ(visits, 1);
  }
  shared.stop.StoreRelease(true);
  thread.join();
}

// A handler that forks or waits in the middle of a stop would keep others waiting.
TEST(StopTheWorldTest, NoHandlerFindsAThreadStoppedWhereItLooks) {
  static Atomic<uint64_t> calls, stopped_calls;
  struct sigaction action = {};
  action.sa_handler = [](int) {
    calls.FetchAdd(1);
    if (this_mutator->state.LoadAcquire() == MutatorState::kStopped) stopped_calls.FetchAdd(1);
  };
  struct sigaction before = {};
  sigaction(SIGUSR1, &action, &before);
  Shared shared;
  std::thread thread = Counter(shared, 0, LookOften);
  while (shared.started.LoadAcquire() != 1) os::YieldThread();
  for (int i = 0; i < 50; ++i) {
    {
      const StopTheWorld stopped(TestRegistry());
      pthread_kill(thread.native_handle(), SIGUSR1);
      os::SleepFor_ns(100'000);
    }
    while (calls.LoadAcquire() == static_cast<uint64_t>(i)) os::YieldThread();
  }
  shared.stop.StoreRelease(true);
  thread.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(calls.LoadAcquire(), 50U);
  EXPECT_EQ(stopped_calls.LoadAcquire(), 0U);
}

TEST(StopTheWorldTest, MutatorsMayStopTheWorldAgainstEachOther) {
  const auto stopper = [](Atomic<uint64_t>& count) {
    const StopTheWorld stopped(TestRegistry());
    count.AddOwned(1);
  };
  StopOften(100, Spin, stopper, stopper);
}

}  // namespace
}  // namespace spanheap
