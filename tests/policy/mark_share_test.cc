// SPDX-License-Identifier: MIT
#include "policy/mark_share.h"

#include <gtest/gtest.h>

namespace spanheap::policy {
namespace {

constexpr uint64_t kElapsed = 1'000'000;

MarkUse Use(unsigned processors, double marking, double others) {
  const auto time = [](double n) { return static_cast<uint64_t>(n * kElapsed); };
  return {processors, kElapsed, time(marking), time(marking) + time(others)};
}

unsigned WorkersThatMay(const MarkUse& use) {
  unsigned n = 0;
  while (MayMark(use, n)) ++n;
  return n;
}

TEST(MarkShare, WithoutAnybodyElseAllProcessorsMark) {
  for (const unsigned processors : {1U, 2U, 4U, 6U, 64U}) {
    EXPECT_EQ(WorkersThatMay(Use(processors, processors, 0)), processors);
  }
}

TEST(MarkShare, WhereAllProcessorsAreUsedDedicatedWorkersGoOn) {
  EXPECT_EQ(WorkersThatMay(Use(2, 0.6, 2)), 0U);
  EXPECT_EQ(WorkersThatMay(Use(4, 1, 4)), 1U);
  EXPECT_EQ(WorkersThatMay(Use(8, 2, 8)), 2U);
  EXPECT_EQ(WorkersThatMay(Use(64, 16, 64)), 16U);
}

TEST(MarkShare, AFractionalWorkerHasWhatIsMissingToAQuarter) {
  EXPECT_EQ(WorkersThatMay(Use(2, 0.49, 2)), 1U);
  EXPECT_EQ(WorkersThatMay(Use(2, 0.51, 2)), 0U);
  EXPECT_EQ(WorkersThatMay(Use(6, 1.49, 6)), 2U);
  EXPECT_EQ(WorkersThatMay(Use(6, 1.51, 6)), 1U);
}

TEST(MarkShare, ProcessorsThatAreLeftAreTaken) {
  EXPECT_EQ(WorkersThatMay(Use(2, 1, 1)), 1U);
  EXPECT_EQ(WorkersThatMay(Use(2, 0.7, 1.3)), 0U);
  EXPECT_EQ(WorkersThatMay(Use(8, 5, 2)), 6U);
  EXPECT_EQ(WorkersThatMay(Use(8, 5, 2.5)), 5U);
}

TEST(MarkShare, WhileTheLimiterIsOnTheQuarterIsAll) {
  MarkUse use = Use(2, 0.6, 0);
  EXPECT_EQ(WorkersThatMay(use), 2U);
  use.limiting = true;
  EXPECT_EQ(WorkersThatMay(use), 0U);
  use = Use(8, 2.5, 0);
  use.limiting = true;
  EXPECT_EQ(WorkersThatMay(use), 2U);
}

TEST(MarkShare, TimeAboveTheQuarterWasIdle) {
  EXPECT_EQ(IdleMarking_ns(Use(2, 0.4, 0)), 0U);
  EXPECT_EQ(IdleMarking_ns(Use(2, 1.5, 0)), kElapsed);
  EXPECT_EQ(IdleMarking_ns(Use(4, 1, 2)), 0U);
}

// Workers that ask before each slice, beside threads of the program: in the long run the quarter or
// what is left, whichever is more.
TEST(MarkShare, InTheLongRunItIsTheQuarterOrWhatIsLeft) {
  struct Case {
    unsigned processors;
    double others;
    double expected;
  };
  for (const Case& c : {Case{2, 2, 0.5}, Case{2, 1, 1}, Case{4, 4, 1}, Case{6, 6, 1.5},
                        Case{8, 3, 5}, Case{16, 16, 4}}) {
    constexpr uint64_t kSlice = 100;
    MarkUse use{c.processors, kSlice, 0, 0};
    for (int round = 0; round < 10'000; ++round) {
      for (unsigned rank = 0; rank < c.processors; ++rank) {
        if (!MayMark(use, rank)) continue;
        use.marking_ns += kSlice;
        use.process_ns += kSlice;
      }
      use.process_ns += static_cast<uint64_t>(c.others * kSlice);
      use.elapsed_ns += kSlice;
    }
    const double share = static_cast<double>(use.marking_ns) / static_cast<double>(use.elapsed_ns);
    EXPECT_NEAR(share, c.expected, 0.05) << c.processors << " " << c.others;
  }
}

}  // namespace
}  // namespace spanheap::policy
