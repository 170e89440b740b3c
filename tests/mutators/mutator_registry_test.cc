// SPDX-License-Identifier: MIT
//
// Threads that come, go, fork, die or are disturbed while others stop them.
#include "mutators/mutator_registry.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "mutators/attached.h"
#include "mutators/blocking_region.h"
#include "mutators/runner.h"
#include "os/clock.h"
#include "os/futex.h"
#include "spanheap/detail/barrier.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

struct Visits {
  std::vector<Mutator*> seen;
};
void Visit(Mutator& mutator, void* visits) {
  const MutatorState state = mutator.state.LoadAcquire();
  EXPECT_TRUE(state == MutatorState::kStopped || state == MutatorState::kHeld ||
              (&mutator == this_mutator && state == MutatorState::kParked));
  static_cast<Visits*>(visits)->seen.push_back(&mutator);
}

TEST(MutatorRegistryTest, ARaggedBarrierVisitsEachThreadOnceWhileItIsHeld) {
  Attached attached;
  Runner spinner([] { os::SpinHint(); });
  Runner sleeper([] {
    const BlockingRegion region;
    os::SleepFor_ns(50'000);
  });
  Runner delayer([] {
    const StopDelay delay;
    os::SpinHint();
  });
  for (int i = 0; i < 20; ++i) {
    Visits visits;
    TestRegistry().RaggedBarrier(Visit, &visits);
    std::sort(visits.seen.begin(), visits.seen.end());
    std::vector<Mutator*> all = {&attached.record(), &spinner.record(), &sleeper.record(),
                                 &delayer.record()};
    std::sort(all.begin(), all.end());
    ASSERT_EQ(visits.seen, all);
  }
}

TEST(MutatorRegistryTest, BarriersStopsAndScansRunAgainstEachOther) {
  Runner spinner([] { os::SpinHint(); });
  Runner ragged([] { TestRegistry().RaggedBarrier([](Mutator&, void*) {}, nullptr); });
  Runner stopper([] { const StopTheWorld stopped(TestRegistry()); });
  static Atomic<uint64_t> epoch(100);
  Runner scanner([] {
    const BlockingRegion region;
    uint64_t bytes = 0;
    const uint64_t mine = epoch.FetchAdd(1);
    while (TestRegistry().ScanNextStack(mine, [](const WordRanges&, void*) {}, nullptr, bytes)) {}
  });
  for (int i = 0; i < 30; ++i) const StopTheWorld stopped(TestRegistry());
}

TEST(MutatorRegistryTest, ThreadsComeAndGoWhileTheWorldIsStopped) {
  Atomic<bool> stop;
  std::vector<std::thread> makers;
  for (int t = 0; t < 3; ++t) {
    makers.emplace_back([&] {
      while (!stop.LoadAcquire()) std::thread([] { const Attached attached; }).join();
    });
  }
  const uint32_t before = TestRegistry().count();
  for (int i = 0; i < 100; ++i) {
    const StopTheWorld stopped(TestRegistry());
    TestRegistry().ForEach([](Mutator& mutator) { EXPECT_NE(mutator.thread_id, 0U); });
  }
  stop.StoreRelease(true);
  for (std::thread& maker : makers) maker.join();
  EXPECT_LE(before, 3U);
  EXPECT_EQ(TestRegistry().count(), 0U);
}

// The last pin goes at any moment of the way to sleep; where several threads want the list, that
// way is longer.
TEST(MutatorRegistryTest, AThreadThatDetachesIsNotLeftWaitingForAPinThatIsGone) {
  constexpr unsigned kThreads = 4;
  constexpr uint32_t kRounds = 8000;
  constexpr uint32_t kAll = kThreads * kRounds;
  static Mutator records[kThreads];
  Atomic<uint32_t> rounds;
  std::vector<std::thread> threads;
  for (Mutator& record : records) {
    threads.emplace_back([&record, &rounds] {
      for (uint32_t i = 0; i < kRounds; ++i) {
        TestRegistry().Attach(record);
        TestRegistry().Detach(record);
        rounds.FetchAdd(1);
      }
    });
  }
  constexpr uint64_t kLongest_ns = 2'000'000'000;
  uint64_t epoch = uint64_t{1} << 40;
  uint32_t seen = 0;
  for (uint64_t since_ns = os::MonotonicNow_ns(); seen != kAll;) {
    Mutator* taken[kThreads];
    const uint32_t count = TestRegistry().TakeUnscanned(++epoch, taken, kThreads);
    for (uint32_t i = 0; i < count; ++i) MutatorRegistry::Unpin(*taken[i]);
    const uint32_t now = rounds.LoadAcquire();
    if (now != seen) since_ns = os::MonotonicNow_ns();
    seen = now;
    if (os::MonotonicNow_ns() - since_ns < kLongest_ns) continue;
    EXPECT_EQ(seen, kAll) << "somebody sleeps";
    for (Mutator& record : records) os::FutexWakeAll(record.pins);
    since_ns = os::MonotonicNow_ns();
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(MutatorRegistryTest, AThreadThatEndedWithoutDetachingIsNoticedAndTakenOut) {
  static Mutator* const record = new Mutator;
  std::thread([&] {
    ASSERT_TRUE(TestRegistry().Attach(*record));
    this_mutator = nullptr;
  }).join();
  EXPECT_EQ(TestRegistry().count(), 1U);
  {
    const StopTheWorld stopped(TestRegistry());
    EXPECT_TRUE(record->is_dead.LoadAcquire());
    EXPECT_EQ(record->Words().total_words(), 0U);
  }
  { const Attached next; }
  EXPECT_EQ(TestRegistry().count(), 0U);
}

TEST(MutatorRegistryTest, AStopKeepsErrnoAndRestartsReads) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Atomic<int> result(-2);
  std::thread reader([&] {
    Attached attached;
    errno = E2BIG;
    char byte = 0;
    const auto n = static_cast<int>(read(ends[0], &byte, 1));
    result.StoreRelease(n == 1 && errno == E2BIG ? 1 : -1);
  });
  while (TestRegistry().count() == 0) os::YieldThread();
  for (int i = 0; i < 50; ++i) {
    const StopTheWorld stopped(TestRegistry());
  }
  EXPECT_EQ(result.LoadAcquire(), -2);
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  reader.join();
  EXPECT_EQ(result.LoadAcquire(), 1);
  close(ends[0]);
  close(ends[1]);
}

TEST(MutatorRegistryTest, AWaitWithATimeoutIsNotDisturbedInABlockingRegion) {
  Atomic<int> result(-2);
  std::thread waiter([&] {
    Attached attached;
    const BlockingRegion region;
    result.StoreRelease(poll(nullptr, 0, 100));
  });
  while (TestRegistry().count() == 0) os::YieldThread();
  while (result.LoadAcquire() == -2) {
    const StopTheWorld stopped(TestRegistry());
  }
  waiter.join();
  EXPECT_EQ(result.LoadAcquire(), 0) << "-1 would be EINTR";
}

// Forks as the runtime does, with threads that spin, sleep and hold things; the child stops what
// is left of them: nobody.
TEST(MutatorRegistryTest, AForkedChildHasOnlyTheForkingThread) {
  Attached attached;
  Runner spinner([] { os::SpinHint(); });
  Runner delayer([] {
    const StopDelay delay;
    os::SpinHint();
  });
  Runner stopper([] { const StopTheWorld stopped(TestRegistry()); });
  for (int i = 0; i < 20; ++i) {
    TestRegistry().BeforeFork();
    const pid_t child = fork();
    if (child == 0) {
      TestRegistry().AfterForkInChild();
      if (TestRegistry().count() != 1) _exit(1);
      { const StopTheWorld stopped(TestRegistry()); }
      TestRegistry().RaggedBarrier([](Mutator&, void*) {}, nullptr);
      _exit(attached.record().state.LoadAcquire() == MutatorState::kRunning ? 0 : 2);
    }
    TestRegistry().AfterForkInParent();
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
  }
}

// A store that a thread has made while the collector marks is remembered by its thread only.
TEST(MutatorRegistryTest, AForkedChildLearnsWhatLostThreadsHaveRemembered) {
  Attached attached;
  SetBarrier(true);
  Atomic<bool> has_stored;
  Atomic<bool> may_go;
  std::thread storer([&] {
    Attached mine;
    void* slot = nullptr;
    detail::StorePointer(&slot, &slot);
    has_stored.StoreRelease(true);
    while (!may_go.LoadAcquire()) os::SpinHint();
  });
  while (!has_stored.LoadAcquire()) os::SpinHint();
  const uint64_t before = flushed_words.LoadAcquire();
  TestRegistry().BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    TestRegistry().AfterForkInChild();
    _exit(flushed_words.LoadAcquire() == before + 1 ? 0 : 1);
  }
  TestRegistry().AfterForkInParent();
  may_go.StoreRelease(true);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  {
    const BlockingRegion region;
    storer.join();
  }
  SetBarrier(false);
}

// In a process of its own: the signal's handlers are the process's.
void ForwardAndChoose() {
  static Atomic<int> calls;
  struct sigaction action = {};
  action.sa_handler = [](int) { calls.FetchAdd(1); };
  sigaction(SIGURG, &action, nullptr);
  static MutatorRegistry registry;
  if (!registry.Start({}) || registry.signal() == SIGURG) _exit(1);
  raise(SIGURG);
  if (calls.LoadAcquire() != 1) _exit(2);
  static MutatorRegistry second;
  static Mutator record;
  if (!second.Start({}, SIGURG) || !second.Attach(record)) _exit(3);
  raise(SIGURG);  // the program's own: goes on to its handler
  if (calls.LoadAcquire() != 2) _exit(4);
  os::SendSignal(record.thread_id, SIGURG, &second);  // a duplicate of ours: does not
  _exit(calls.LoadAcquire() == 2 ? 0 : 5);
}

TEST(MutatorRegistryDeathTest, TheProgramsOwnHandlerIsLeftInPlaceOrCalledOn) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(ForwardAndChoose(), ::testing::ExitedWithCode(0), "");
}

void StopWhoBlocksTheSignal() {
  static MutatorRegistry registry;
  if (!registry.Start({})) _exit(1);
  static Atomic<bool> attached;
  std::thread blocker([] {
    static Mutator record;
    registry.Attach(record);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    attached.StoreRelease(true);
    os::SleepFor_ns(900'000'000);
    os::SleepFor_ns(900'000'000);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
    registry.Detach(record);
  });
  while (!attached.LoadAcquire()) os::YieldThread();
  { const StopTheWorld stopped(registry); }
  blocker.join();
  _exit(0);
}

TEST(MutatorRegistryDeathTest, AThreadThatBlocksTheSignalIsNamedAfterASecond) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(StopWhoBlocksTheSignal(), ::testing::ExitedWithCode(0),
              "waits for a thread to stop.*thread [0-9]+: it blocks the signal");
}

}  // namespace
}  // namespace spanheap
