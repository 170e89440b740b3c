// SPDX-License-Identifier: MIT
#include "os/futex.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

namespace spanheap::os {
namespace {

TEST(FutexTest, DoesNotSleepOnAnotherValue) {
  Atomic<uint32_t> word(1);
  errno = 44;
  FutexWait(word, 2);
  EXPECT_EQ(errno, 44);
}

TEST(FutexTest, WakesEverySleeper) {
  Atomic<uint32_t> word(0);
  Atomic<uint32_t> awake(0);
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 3; ++i) {
    sleepers.emplace_back([&] {
      while (word.LoadAcquire() == 0) FutexWait(word, 0);
      awake.FetchAdd(1);
    });
  }
  YieldThread();
  EXPECT_EQ(awake.LoadAcquire(), 0U);
  word.StoreRelease(1);
  FutexWakeAll(word);
  for (std::thread& sleeper : sleepers) sleeper.join();
  EXPECT_EQ(awake.LoadAcquire(), 3U);
}

TEST(FutexTest, PassesATokenBackAndForth) {
  Atomic<uint32_t> turn(0);
  const auto play = [&turn](uint32_t mine) {
    for (int i = 0; i < 1000; ++i) {
      for (uint32_t now = turn.LoadAcquire(); now != mine; now = turn.LoadAcquire()) {
        FutexWait(turn, now);
      }
      turn.StoreRelease(1 - mine);
      FutexWakeOne(turn);
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn.LoadAcquire(), 0U);
}

}  // namespace
}  // namespace spanheap::os
