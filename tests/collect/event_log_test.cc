// SPDX-License-Identifier: MIT
#include "collect/event_log.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace spanheap::collected {
namespace {

uint64_t TagOf(uint64_t number, EventKind kind) {
  return (number + 1) << 8 | static_cast<uint64_t>(kind);
}

TEST(EventLogTest, KeepsTheLastOnes) {
  const auto log = std::make_unique<EventLog>();
  constexpr uint64_t kAdded = EventLog::kCapacity + 10;
  for (uint64_t i = 0; i < kAdded; ++i) log->Add(EventKind::kMark, 7, i, 2 * i, 3 * i);
  EXPECT_EQ(log->count(), kAdded);
  for (uint64_t i = 10; i < kAdded; ++i) {
    const EventLog::Event& event = log->at(i);
    EXPECT_EQ(event.tag.LoadAcquire(), TagOf(i, EventKind::kMark));
    EXPECT_EQ(event.begin_ns.LoadAcquire(), i);
    EXPECT_EQ(event.length_ns.LoadAcquire(), 2 * i);
    EXPECT_EQ(event.value.LoadAcquire(), 3 * i);
    EXPECT_EQ(event.thread.LoadAcquire(), 7U);
  }
}

TEST(EventLogTest, ThreadsLoseNoneOfEachOthers) {
  const auto log = std::make_unique<EventLog>();
  constexpr uint64_t kEach = EventLog::kCapacity / 4;
  std::vector<std::thread> threads;
  for (uint32_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&log, t] {
      for (uint64_t i = 0; i < kEach; ++i) log->Add(EventKind::kAssist, t, i, t * i, t);
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t next[5] = {};
  for (uint64_t i = 0; i < 4 * kEach; ++i) {
    const EventLog::Event& event = log->at(i);
    const uint64_t t = event.thread.LoadAcquire();
    ASSERT_EQ(event.tag.LoadAcquire(), TagOf(i, EventKind::kAssist));
    ASSERT_EQ(event.begin_ns.LoadAcquire(), next[t]++);
    ASSERT_EQ(event.length_ns.LoadAcquire(), t * event.begin_ns.LoadAcquire());
  }
}

TEST(EventRunTest, JoinsStepsUntilThereIsAGap) {
  const auto log = std::make_unique<EventLog>();
  {
    EventRun run(*log, EventKind::kWorker, 3);
    for (uint64_t i = 0; i < 10; ++i) run.Add(1'000'000 + i * 100'000, 1'090'000 + i * 100'000, 5);
    run.Add(9'000'000, 9'100'000, 7);
    EXPECT_EQ(log->count(), 1U);
  }
  ASSERT_EQ(log->count(), 2U);
  EXPECT_EQ(log->at(0).begin_ns.LoadAcquire(), 1'000'000U);
  EXPECT_EQ(log->at(0).length_ns.LoadAcquire(), 990'000U);
  EXPECT_EQ(log->at(0).value.LoadAcquire(), 50U);
  EXPECT_EQ(log->at(1).begin_ns.LoadAcquire(), 9'000'000U);
  EXPECT_EQ(log->at(1).value.LoadAcquire(), 7U);
}

}  // namespace
}  // namespace spanheap::collected
