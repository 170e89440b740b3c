// SPDX-License-Identifier: MIT
//
// Background: when its thread starts, what it does unasked, and who does it where there is none. A
// process for each test, whose heap is small and without the thread at first.
#include "runtime/background.h"

#include <gnu/libc-version.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "observe/heap_report.h"
#include "os/service_thread.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

constexpr size_t kBlock = 1 << 20;
constexpr uint64_t kMuch = 64 << 20;

const void* OwnCode() { return reinterpret_cast<const void*>(&OwnCode); }
// One of libc's functions that no sanitizer puts its own in front of.
const void* LibcsCode() { return reinterpret_cast<const void*>(&gnu_get_libc_version); }

// From here on libc knows that there may be more threads than one.
void HaveHadThreads() {
  std::thread([] {}).join();
}

class Blocks {
 public:
  explicit Blocks(uint64_t most = kMuch) {
    for (uint64_t bytes = 0; bytes < most; bytes += kBlock) {
      blocks_.push_back(heap::Allocate(kBlock));
      memset(blocks_.back(), 1, kBlock);
    }
  }
  void Free(const void* caller = nullptr) { FreeSome(blocks_.size() * kBlock, caller); }
  void FreeSome(uint64_t most, const void* caller) {
    for (uint64_t bytes = 0; bytes < most; bytes += kBlock) {
      heap::Free(blocks_.back(), "test", caller);
      blocks_.pop_back();
    }
  }

 private:
  std::vector<void*> blocks_;
};

template <class Condition>
bool Await(Condition condition) {
  for (int waited_ms = 0; waited_ms < 60'000; waited_ms += 10) {
    if (condition()) return true;
    usleep(10'000);
  }
  return false;
}

bool HasGivenBack() {
  const HeapSection section;
  return runtime.scavenger.ReadUse().retained < kMuch / 4;
}

bool StaysAwayFromASmallHeap() {
  HaveHadThreads();
  heap::AfterAllocation(OwnCode());
  return !runtime.background.is_running();
}

bool StartsInALargeOne() {
  HaveHadThreads();
  const Blocks blocks;
  heap::AfterAllocation(OwnCode());
  return runtime.background.is_running();
}

bool DoesNotStartForLibc() {
  HaveHadThreads();
  const Blocks blocks;
  heap::AfterAllocation(LibcsCode());
  return !runtime.background.is_running();
}

void AttendOften() {
  for (int i = 0; i < 100; ++i) heap::AfterAllocation(OwnCode());
}

bool LeavesOneThreadAloneThatKeepsAll() {
  const Blocks blocks;
  for (int tenths = 0; tenths < 10; ++tenths) {
    AttendOften();
    usleep(100'000);
  }
  return !runtime.background.is_running() && os::HasOneThread();
}

bool StartsAtAFreeThatLeavesMuch() {
  Blocks blocks;
  heap::AfterAllocation(OwnCode());
  if (runtime.background.is_running()) return false;
  blocks.Free(OwnCode());
  // All but what this thread keeps, which does not sleep.
  const auto is_less = [] {
    const HeapSection section;
    return runtime.scavenger.ReadUse().retained < kMuch / 2;
  };
  return runtime.background.is_running() && Await(is_less);
}

bool DoesNotStartForFreesOfLibc() {
  Blocks blocks;
  heap::AfterAllocation(OwnCode());
  blocks.Free(LibcsCode());
  return !runtime.background.is_running();
}

bool DoesNotStartAtFreesAmongThreads() {
  HaveHadThreads();
  Blocks blocks;
  blocks.Free(OwnCode());
  return !runtime.background.is_running();
}

// Less than a third, and than 64 MiB; some of it the thread keeps for itself.
bool StartsForWhatStaysFree() {
  Blocks blocks(3 * kMuch);
  AttendOften();
  blocks.FreeSome(kMuch - (4 << 20), OwnCode());
  if (runtime.background.is_running()) return false;
  return Await([] {
    AttendOften();
    return runtime.background.is_running();
  });
}

bool StartsWhereALimitIsNear() {
  const Blocks blocks;
  heap::SetOption("memlimit", "20M");
  heap::AfterAllocation(OwnCode());
  return runtime.background.is_running();
}

bool GivesBackWhatNobodyUses() {
  HaveHadThreads();
  Blocks blocks;
  heap::AfterAllocation(OwnCode());
  blocks.Free();
  if (!Await(HasGivenBack)) return false;
  HeapReport report;
  heap::ReadReport(report);
  return report.released_background_bytes >= kMuch / 4;
}

bool LeavesItToCallsWhenForbidden() {
  options.background = Switch::kOff;
  Blocks blocks;
  blocks.Free();
  const auto call = [] {
    for (int i = 0; i < 100; ++i) heap::AfterAllocation(OwnCode());
    return HasGivenBack();
  };
  return Await(call) && !runtime.background.is_running();
}

bool Dozes() { return runtime.background.is_dozing(); }

bool IsCountedBelow(uint64_t bytes) { return runtime.pages.gauge().counted() < bytes; }

bool ObeysALoweredLimitWithoutACall() {
  HaveHadThreads();
  heap::SetOption("minheap", "1G");  // the goal would keep everything
  Blocks blocks;
  heap::AfterAllocation(OwnCode());
  blocks.Free();
  if (!Await(Dozes) || IsCountedBelow(kMuch)) return false;
  heap::SetOption("memlimit", "20M");
  return Await([] { return IsCountedBelow(20 << 20); });
}

bool GivesBackWhatIsFreedWhileItDozes() {
  HaveHadThreads();
  Blocks blocks;
  heap::AfterAllocation(OwnCode());
  if (!Await(Dozes)) return false;
  blocks.Free();
  return Await(HasGivenBack);
}

bool EndsADozeWhenForbidden() {
  HaveHadThreads();
  const Blocks blocks;
  heap::AfterAllocation(OwnCode());
  if (!Await(Dozes)) return false;
  heap::SetOption("background", "off");
  return Await([] { return !runtime.background.is_running(); });
}

class BackgroundTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  // The body runs in a process that has run nothing else.
  static void Holds(bool (*body)()) { _exit(heap::Start() && body() ? 0 : 1); }
};

TEST_F(BackgroundTest, TheThreadStaysAwayFromASmallHeap) {
  EXPECT_EXIT(Holds(StaysAwayFromASmallHeap), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, TheThreadStartsOnceTheHeapIsLarge) {
  EXPECT_EXIT(Holds(StartsInALargeOne), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, TheThreadDoesNotStartForCallsOfLibc) {
  EXPECT_EXIT(Holds(DoesNotStartForLibc), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, AProgramOfOneThreadThatKeepsAllStaysOne) {
  EXPECT_EXIT(Holds(LeavesOneThreadAloneThatKeepsAll), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, AFreeThatLeavesMuchStartsTheThread) {
  EXPECT_EXIT(Holds(StartsAtAFreeThatLeavesMuch), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, FreesOfLibcStartNoThread) {
  EXPECT_EXIT(Holds(DoesNotStartForFreesOfLibc), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, FreesAmongThreadsStartNoThread) {
  EXPECT_EXIT(Holds(DoesNotStartAtFreesAmongThreads), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, WhatStaysFreeForSomeTimeStartsTheThread) {
  EXPECT_EXIT(Holds(StartsForWhatStaysFree), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, ALimitThatIsNearStartsTheThread) {
  EXPECT_EXIT(Holds(StartsWhereALimitIsNear), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, TheThreadGivesBackWhatNobodyUses) {
  EXPECT_EXIT(Holds(GivesBackWhatNobodyUses), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, TheThreadGivesBackWhatIsFreedWhileItDozes) {
  EXPECT_EXIT(Holds(GivesBackWhatIsFreedWhileItDozes), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, TheThreadObeysALoweredLimitWithoutACall) {
  EXPECT_EXIT(Holds(ObeysALoweredLimitWithoutACall), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, TheThreadEndsItsDozeWhenForbidden) {
  EXPECT_EXIT(Holds(EndsADozeWhenForbidden), testing::ExitedWithCode(0), "");
}

TEST_F(BackgroundTest, CallsDoTheWorkWhereItIsForbidden) {
  EXPECT_EXIT(Holds(LeavesItToCallsWhenForbidden), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace spanheap
