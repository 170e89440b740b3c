// SPDX-License-Identifier: MIT
#include "runtime/epoch_report.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "runtime/heap_fixture.h"

namespace spanheap {
namespace {

class EpochReportTest : public HeapFixture {
 protected:
  static uint64_t LargeBytes() {
    uint64_t bytes = 0;
    const auto look = [](const HeapReport& report, void* to) {
      *static_cast<uint64_t*>(to) = report.large_bytes;
    };
    heap::LookAtEpoch(look, &bytes);
    return bytes;
  }
};

constexpr size_t kLarge = size_t{40} << 20;

TEST_F(EpochReportTest, FiguresStayUntilTheEpochMovesOn) {
  const uint64_t before = LargeBytes();
  const uint64_t epoch = heap::Epoch();
  void* p = heap::Allocate(kLarge);
  EXPECT_EQ(LargeBytes(), before);
  EXPECT_EQ(heap::NextEpoch(), epoch + 1);
  EXPECT_EQ(heap::Epoch(), epoch + 1);
  EXPECT_EQ(LargeBytes(), before + kLarge);
  heap::Free(p, "free");
  EXPECT_EQ(LargeBytes(), before + kLarge);
  heap::NextEpoch();
  EXPECT_EQ(LargeBytes(), before);
}

TEST_F(EpochReportTest, AForkedChildCountsForItself) {
  heap::NextEpoch();
  std::atomic<bool> over{false};
  std::thread other([&over] {
    while (!over) heap::NextEpoch();
  });
  for (int i = 0; i < 20; ++i) {
    heap::BeforeFork();
    const pid_t child = fork();
    if (child == 0) {
      heap::AfterForkInChild();
      alarm(60);
      heap::NextEpoch();
      LargeBytes();
      _exit(0);
    }
    heap::AfterForkInParent();
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  over = true;
  other.join();
}

}  // namespace
}  // namespace spanheap
