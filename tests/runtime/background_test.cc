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
#include <vector>

#include "observe/heap_report.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

constexpr size_t kBlock = 1 << 20;
constexpr uint64_t kMuch = 64 << 20;

const void* OwnCode() { return reinterpret_cast<const void*>(&OwnCode); }

class Blocks {
 public:
  Blocks() {
    for (uint64_t bytes = 0; bytes < kMuch; bytes += kBlock) {
      blocks_.push_back(heap::Allocate(kBlock));
      memset(blocks_.back(), 1, kBlock);
    }
  }
  void Free() {
    for (void* block : blocks_) heap::Free(block, "test");
    blocks_.clear();
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
  heap::AfterAllocation(OwnCode());
  return !runtime.background.is_running();
}

bool StartsInALargeOne() {
  const Blocks blocks;
  heap::AfterAllocation(OwnCode());
  return runtime.background.is_running();
}

bool DoesNotStartForLibc() {
  const Blocks blocks;
  // One of libc's that no sanitizer puts its own in front of.
  heap::AfterAllocation(reinterpret_cast<const void*>(&gnu_get_libc_version));
  return !runtime.background.is_running();
}

bool GivesBackWhatNobodyUses() {
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
  heap::SetOption("minheap", "1G");  // the goal would keep everything
  Blocks blocks;
  heap::AfterAllocation(OwnCode());
  blocks.Free();
  if (!Await(Dozes) || IsCountedBelow(kMuch)) return false;
  heap::SetOption("memlimit", "20M");
  return Await([] { return IsCountedBelow(20 << 20); });
}

bool GivesBackWhatIsFreedWhileItDozes() {
  Blocks blocks;
  heap::AfterAllocation(OwnCode());
  if (!Await(Dozes)) return false;
  blocks.Free();
  return Await(HasGivenBack);
}

bool EndsADozeWhenForbidden() {
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
