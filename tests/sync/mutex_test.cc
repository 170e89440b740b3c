// SPDX-License-Identifier: MIT
//
// Mutex: excludes, wakes who sleeps, and (in debug builds) refuses locks out of order. The counters
// below are plain integers, so under ThreadSanitizer every hole in the exclusion is a report.
#include "sync/mutex.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <thread>
#include <vector>

namespace spanheap {
namespace {

template <class Body>
void RunInThreads(int count, Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(MutexTest, LosesNoUpdateUnderContention) {
  constexpr int kThreads = 6;
  constexpr uint64_t kRounds = 20000;
  Mutex mutex(LockRank::kLeaf);
  uint64_t count = 0;
  RunInThreads(kThreads, [&](int) {
    for (uint64_t i = 0; i < kRounds; ++i) {
      const MutexLock lock(mutex);
      ++count;
    }
  });
  EXPECT_EQ(count, kThreads * kRounds);
}

// Locks of low ranks are taken outside of sections, where being alone means nothing.
TEST(MutexTest, LocksTakenOutsideOfSectionsExcludeAlsoWhileAlone) {
  SetAlone(true);
  constexpr uint64_t kRounds = 20000;
  Mutex mutex(LockRank::kThreads);
  uint64_t count = 0;
  RunInThreads(4, [&](int) {
    for (uint64_t i = 0; i < kRounds; ++i) {
      const MutexLock lock(mutex);
      ++count;
    }
  });
  SetAlone(false);
  EXPECT_EQ(count, 4 * kRounds);
}

// It may become so between locking and unlocking, not the other way round.
TEST(MutexTest, AnUnlockWhileAloneEndsALockFromBefore) {
  Mutex mutex(LockRank::kLeaf);
  mutex.Lock();
  SetAlone(true);
  mutex.Unlock();
  {
    const MutexLock lock(mutex);
    SetAlone(false);
    EXPECT_FALSE(mutex.TryLock());
    SetAlone(true);
  }
  SetAlone(false);
  EXPECT_TRUE(mutex.TryLock());
  mutex.Unlock();
}

TEST(MutexTest, WakesEveryThreadThatSleeps) {
  Mutex mutex(LockRank::kLeaf);
  int count = 0;
  RunInThreads(8, [&](int) {
    for (int i = 0; i < 5; ++i) {
      const MutexLock lock(mutex);
      // Longer than anyone spins: the others go to sleep.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++count;
    }
  });
  EXPECT_EQ(count, 40);
}

TEST(MutexTest, TryLockFailsWhileHeldAndWorksAfter) {
  Mutex mutex(LockRank::kLeaf);
  ASSERT_TRUE(mutex.TryLock());
  std::thread([&mutex] { EXPECT_FALSE(mutex.TryLock()); }).join();
  mutex.Unlock();
  ASSERT_TRUE(mutex.TryLock());
  mutex.Unlock();
}

TEST(MutexTest, TryLockExcludesToo) {
  Mutex mutex(LockRank::kLeaf);
  uint64_t count = 0;
  Atomic<uint64_t> taken(0);
  RunInThreads(4, [&](int i) {
    for (int round = 0; round < 5000; ++round) {
      if (i % 2 == 0) {
        mutex.Lock();
      } else if (!mutex.TryLock()) {
        continue;
      }
      ++count;
      taken.FetchAdd(1);
      mutex.Unlock();
    }
  });
  EXPECT_EQ(count, taken.LoadAcquire());
}

TEST(MutexTest, TakesLocksInTheOrderOfTheirRanks) {
  Mutex low(LockRank::kCentralList);
  Mutex middle(LockRank::kPageHeap);
  Mutex high(LockRank::kLeaf);
  for (int i = 0; i < 2; ++i) {
    const MutexLock first(low);
    const MutexLock second(middle);
    const MutexLock third(high);
  }
  // What was given back does not count, whatever the order of giving back.
  low.Lock();
  high.Lock();
  low.Unlock();
  high.Unlock();
  const MutexLock again(low);
}

TEST(MutexTest, RanksAreOfAThreadNotOfTheProcess) {
  Mutex low(LockRank::kCentralList);
  Mutex high(LockRank::kLeaf);
  const MutexLock lock(high);
  std::thread([&low] { const MutexLock other(low); }).join();
}

TEST(MutexTest, AChildMayResetWhatAnotherThreadHeld) {
  Mutex held(LockRank::kPageHeap);
  std::thread([&held]() NO_THREAD_SAFETY_ANALYSIS { held.Lock(); }).join();
  const pid_t child = fork();
  if (child == 0) {
    if (held.TryLock()) _exit(1);
    held.ResetInChild();
    held.Lock();
    held.Unlock();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// There are hundreds of them, on pages that a child otherwise only reads.
TEST(MutexTest, AResetInAChildDoesNotWriteWhatIsFree) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* at = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(at, MAP_FAILED);
  auto* mutex = new (at) Mutex(LockRank::kPageHeap);
  ASSERT_EQ(mprotect(at, page, PROT_READ), 0);
  mutex->ResetInChild();  // a write would end the process
  EXPECT_EQ(munmap(at, page), 0);
}

class MutexDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kDebugChecks) GTEST_SKIP() << "ranks are checked in debug builds";
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  }
};

TEST_F(MutexDeathTest, DiesWhenALowerRankIsTakenAfterAHigher) {
  EXPECT_DEATH(
      {
        Mutex low(LockRank::kCentralList);
        Mutex high(LockRank::kPageHeap);
        high.Lock();
        low.Lock();
      },
      "locks must be taken in rank order");
}

TEST_F(MutexDeathTest, DiesWhenTheSameRankIsTakenTwice) {
  EXPECT_DEATH(
      {
        Mutex one(LockRank::kCentralList);
        Mutex other(LockRank::kCentralList);
        one.Lock();
        other.TryLock();
      },
      "locks must be taken in rank order");
}

TEST_F(MutexDeathTest, DiesWhenWhatIsNotHeldIsUnlocked) {
  EXPECT_DEATH(
      {
        Mutex mutex(LockRank::kLeaf);
        mutex.Unlock();
      },
      "internal error");
}

}  // namespace
}  // namespace spanheap
