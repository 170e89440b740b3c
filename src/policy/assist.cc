// SPDX-License-Identifier: MIT
#include "policy/assist.h"

#include <algorithm>

namespace spanheap::policy {
namespace {

// As far as half of what 64 bits hold: sums of two do not overflow.
int64_t Scaled(double factor, int64_t amount) {
  constexpr auto kMost = static_cast<double>(int64_t{1} << 62);
  return static_cast<int64_t>(std::clamp(factor * static_cast<double>(amount), -kMost, kMost));
}

}  // namespace

uint64_t LongestAssist_ns(uint64_t bytes) {
  constexpr uint64_t kPerPiece_ns = 100'000;
  constexpr uint64_t kPiece = uint64_t{64} << 10;
  return kPerPiece_ns * std::max<uint64_t>(bytes / kPiece, 1);
}

AssistPlan PlanAssist(int64_t balance, AssistRatio ratio) {
  AssistPlan plan;
  plan.debt = -balance;
  plan.work = Scaled(ratio.work_per_byte, plan.debt);
  if (plan.work < kOverAssist) {
    plan.work = kOverAssist;
    plan.debt = Scaled(ratio.bytes_per_work, plan.work);
  }
  return plan;
}

int64_t PaidBy(int64_t work, AssistRatio ratio) { return 1 + Scaled(ratio.bytes_per_work, work); }

CreditUse UseCredit(const AssistPlan& plan, int64_t credit, AssistRatio ratio) {
  if (credit <= 0) return {};
  if (credit >= plan.work) return {plan.work, plan.debt};
  return {credit, PaidBy(credit, ratio)};
}

bool MustWait(const Backlog& backlog) {
  if (backlog.is_limiting) return false;
  return backlog.live > backlog.limit_goal || (backlog.is_late && backlog.live > backlog.goal);
}

uint64_t WaitLength_ns(const Backlog& backlog, unsigned idle_waits) {
  constexpr uint64_t kShortest_ns = 100'000;
  constexpr unsigned kWaitsOfALength = 10;  // fewer: waits grow between two phases, too
  constexpr unsigned kMostDoublings = 5;    // 3.2 ms, about what a processor is had for
  if (backlog.live <= backlog.limit_goal) return kShortest_ns;
  return kShortest_ns << std::min(idle_waits / kWaitsOfALength, kMostDoublings);
}

}  // namespace spanheap::policy
