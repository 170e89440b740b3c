// SPDX-License-Identifier: MIT
#include "policy/rescue_budget.h"

#include <gtest/gtest.h>

namespace spanheap::policy {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1000 * kMillisecond;
constexpr uint64_t kLive = 64 * kMiB;
constexpr uint64_t kMost = RescueBudget::kMostCycles;
constexpr uint64_t kKept = RescueBudget::kKept;

// A program that allocates by the KiB and has been told of each failure. `garbage`: what a cycle
// finds dead.
class Program {
 public:
  explicit Program(uint64_t garbage) : garbage_(garbage) {}

  void RunFor(uint64_t ns) {
    for (const uint64_t end_ns = now_.ns + ns; now_.ns < end_ns;) Allocate();
  }
  uint64_t cycles() const { return cycles_; }
  uint64_t nulls() const { return nulls_; }
  uint64_t allocated() const { return now_.allocated; }

  static constexpr uint64_t kCycle_ns = 20 * kMillisecond;

 private:
  static constexpr uint64_t kSize = 1024;
  static constexpr uint64_t kStep_ns = 1000;

  void Allocate() {
    now_.ns += kStep_ns;
    if (room_ < kSize && budget_.TryTake(now_)) {
      now_.ns += kCycle_ns;
      ++cycles_;
      room_ += garbage_;
      budget_.NoteCycle(kCycle_ns, now_);
    }
    if (room_ < kSize) {
      ++nulls_;
      budget_.NoteRefusal();
      return;
    }
    room_ -= kSize;
    now_.allocated += kSize;
  }

  RescueBudget budget_;
  RescueBudget::Now now_{kSecond, 0, kLive};
  const uint64_t garbage_;
  uint64_t room_ = 0;
  uint64_t cycles_ = 0;
  uint64_t nulls_ = 0;
};

TEST(RescueBudget, AFullHeapHasAFewCyclesAndThenAFifthOfTheTime) {
  Program program(0);
  program.RunFor(10 * kSecond);
  EXPECT_GE(program.cycles(), kMost);
  EXPECT_LE(program.cycles(), kMost + 10 * kSecond / (5 * Program::kCycle_ns));
  EXPECT_GT(program.nulls(), 1000U);
}

// Time fills the budget; of that, too, a part waits for the next null.
TEST(RescueBudget, KeepsAPartAlsoOfWhatTimeHasBrought) {
  RescueBudget budget;
  RescueBudget::Now now{kSecond, 0, kLive};
  const auto taken = [&] {
    uint64_t count = 0;
    for (; budget.TryTake(now); ++count) budget.NoteCycle(kMillisecond, now);
    return count;
  };
  EXPECT_EQ(taken(), kMost - kKept);
  budget.NoteRefusal();
  EXPECT_EQ(taken(), kKept);
  now.ns += 1000 * kSecond;
  EXPECT_EQ(taken(), kMost - kKept);
}

TEST(RescueBudget, SoHasOneWhoseCyclesFindLittle) {
  Program program(kLive / 1000);
  program.RunFor(10 * kSecond);
  EXPECT_LE(program.cycles(), kMost + 1 + 10 * kSecond / (5 * Program::kCycle_ns));
}

TEST(RescueBudget, WhereCyclesFindMuchNothingFails) {
  Program program(kLive / 16);
  program.RunFor(10 * kSecond);
  EXPECT_EQ(program.nulls(), 0U);
  EXPECT_GT(program.allocated(), kLive);
}

TEST(RescueBudget, APartIsKeptForWhatFollowsARefusal) {
  RescueBudget budget;
  const RescueBudget::Now now{kSecond, 0, kLive};
  const auto take_all = [&] {
    uint64_t taken = 0;
    for (; budget.TryTake(now); ++taken) budget.NoteCycle(kSecond, now);
    return taken;
  };
  EXPECT_EQ(take_all(), kMost - kKept);
  budget.NoteRefusal();
  EXPECT_EQ(take_all(), kKept);
}

TEST(RescueBudget, ItComesBackWithTimeOrWithWhatIsAllocated) {
  RescueBudget budget;
  RescueBudget::Now now{kSecond, 0, kLive};
  budget.NoteRefusal();
  while (budget.TryTake(now)) budget.NoteCycle(kSecond, now);
  now.ns += RescueBudget::kRestPerCycle * kSecond - 1;
  EXPECT_FALSE(budget.TryTake(now));
  now.ns += 1;
  EXPECT_TRUE(budget.TryTake(now));
  budget.NoteCycle(kSecond, now);
  EXPECT_FALSE(budget.TryTake(now));
  now.allocated += kLive / RescueBudget::kWorth;
  EXPECT_TRUE(budget.TryTake(now));
}

}  // namespace
}  // namespace spanheap::policy
