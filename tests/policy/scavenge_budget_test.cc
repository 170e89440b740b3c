// SPDX-License-Identifier: MIT
#include "policy/scavenge_budget.h"

#include <gtest/gtest.h>

namespace spanheap {
namespace {

constexpr uint64_t kSecond_ns = 1'000'000'000;
constexpr uint64_t kMiB = 1 << 20;

// Works whenever it may, each slice at a cost that the budget has to find out.
struct Worker {
  ScavengeBudget budget;
  uint64_t now_ns = kSecond_ns;
  uint64_t cost_per_mib_ns = 100'000;
  uint64_t longest_slice_ns = 0;

  void RunUntil(uint64_t end_ns) {
    while (now_ns < end_ns) {
      budget.Advance(now_ns);
      if (!budget.may_work()) {
        now_ns += budget.Wait_ns();
        continue;
      }
      const uint64_t bytes = budget.SliceBytes();
      const uint64_t cost = bytes * cost_per_mib_ns / kMiB;
      longest_slice_ns = cost > longest_slice_ns ? cost : longest_slice_ns;
      budget.Charge(cost, bytes);
      now_ns += cost;
    }
  }
};

TEST(ScavengeBudget, LetsABurstThroughAtOnce) {
  Worker worker;
  worker.RunUntil(kSecond_ns + ScavengeBudget::kBurst_ns);
  EXPECT_GE(worker.budget.spent_ns(), ScavengeBudget::kBurst_ns * 9 / 10);
}

TEST(ScavengeBudget, HoldsItsShareThroughAnHourOfWork) {
  Worker worker;
  worker.RunUntil(3600 * kSecond_ns);
  const uint64_t allowed = 3600 * kSecond_ns / ScavengeBudget::kShare + ScavengeBudget::kBurst_ns;
  EXPECT_LE(worker.budget.spent_ns(), allowed + 2 * ScavengeBudget::kSlice_ns);
  EXPECT_GE(worker.budget.spent_ns(), allowed * 9 / 10);
}

TEST(ScavengeBudget, CostsAPercentAndATenthOfASecondInAMinuteAtMostThoughTheCostChanges) {
  Worker worker;
  worker.RunUntil(60 * kSecond_ns);
  for (unsigned minute = 1; minute < 120; ++minute) {
    worker.cost_per_mib_ns = minute % 2 == 0 ? 20'000 : 700'000;
    const uint64_t before = worker.budget.spent_ns();
    worker.RunUntil((minute + 1) * 60 * kSecond_ns);
    const uint64_t spent = worker.budget.spent_ns() - before;
    ASSERT_LE(spent, 600'000'000 + 100'000'000 + worker.longest_slice_ns);
  }
}

TEST(ScavengeBudget, FindsTheBytesOfAMillisecond) {
  Worker worker;
  worker.cost_per_mib_ns = 250'000;
  worker.RunUntil(60 * kSecond_ns);
  EXPECT_GE(worker.budget.SliceBytes(), 3 * kMiB);
  EXPECT_LE(worker.budget.SliceBytes(), 5 * kMiB);
}

TEST(ScavengeBudget, EarnsNoMoreThanABurstWhileNothingIsDone) {
  ScavengeBudget budget;
  budget.Advance(kSecond_ns);
  budget.Advance(100'000 * kSecond_ns);
  EXPECT_EQ(budget.balance_ns(), static_cast<int64_t>(ScavengeBudget::kBurst_ns));
}

TEST(ScavengeBudget, EarnsFromManyShortLooksToo) {
  ScavengeBudget budget;
  budget.Advance(kSecond_ns);
  budget.Charge(ScavengeBudget::kBurst_ns, 0);
  for (uint64_t i = 1; i <= 1'000'000; ++i) budget.Advance(kSecond_ns + i * 30);
  EXPECT_EQ(budget.balance_ns(), static_cast<int64_t>(30'000'000 / ScavengeBudget::kShare));
}

}  // namespace
}  // namespace spanheap
