// SPDX-License-Identifier: MIT
//
// Stacks are scanned as threads get their turn to answer, whatever others want of them.
#include "mutators/thread_scan.h"

#include <gtest/gtest.h>

#include <list>
#include <thread>

#include "mutators/runner.h"
#include "os/clock.h"
#include "os/futex.h"

namespace spanheap {
namespace {

constexpr auto kSpin = [] { os::SpinHint(); };

void Count(const WordRanges& words, void* count) {
  EXPECT_GT(words.total_words(), 0U);
  static_cast<Atomic<uint32_t>*>(count)->FetchAdd(1);
}

uint64_t NewEpoch() {
  static uint64_t epoch = 1000;
  return ++epoch;
}

TEST(ThreadScanTest, ManyMoreThreadsThanProcessorsAreScannedOnceEach) {
  constexpr uint32_t kThreads = 40;  // more than are taken at a time
  std::list<Runner> runners;
  for (uint32_t i = 0; i < kThreads; ++i) runners.emplace_back(kSpin);
  for (int i = 0; i < 3; ++i) {
    const uint64_t epoch = NewEpoch();
    Atomic<uint32_t> count;
    uint64_t bytes = 0;
    int scans = 0;
    while (ThreadScan(TestRegistry(), epoch, Count, &count).Run(bytes)) ++scans;
    EXPECT_EQ(scans, 2);
    EXPECT_EQ(count.LoadAcquire(), kThreads);
    EXPECT_GT(bytes, 0U);
    for (Runner& runner : runners) {
      EXPECT_EQ(runner.record().scanned_epoch, epoch);
      EXPECT_EQ(runner.record().pins.LoadAcquire(), 0U);
    }
  }
}

TEST(ThreadScanTest, WhoIsHeldByOthersIsScannedLater) {
  Runner held(kSpin);  // the oldest: the last in the list
  std::list<Runner> others;
  for (int i = 0; i < 4; ++i) others.emplace_back(kSpin);
  Handshake::Reserve(held.record());
  const uint64_t epoch = NewEpoch();
  Atomic<uint32_t> count;
  Atomic<bool> is_done;
  std::thread scanner([&] {
    uint64_t bytes = 0;
    EXPECT_TRUE(ThreadScan(TestRegistry(), epoch, Count, &count).Run(bytes));
    is_done.StoreRelease(true);
  });
  while (count.LoadAcquire() != 4) os::YieldThread();
  os::SleepFor_ns(5'000'000);
  EXPECT_EQ(count.LoadAcquire(), 4U);
  EXPECT_FALSE(is_done.LoadAcquire());
  Handshake::Release(held.record());
  scanner.join();
  EXPECT_EQ(held.record().scanned_epoch, epoch);
  EXPECT_EQ(count.LoadAcquire(), 5U);
}

}  // namespace
}  // namespace spanheap
