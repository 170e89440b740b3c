// SPDX-License-Identifier: MIT
#include "policy/rescue_budget.h"

#include <algorithm>

namespace spanheap::policy {

void RescueBudget::Earn(const Now& now) {
  if (now.allocated - std::min(now.allocated, allocated_) >=
      std::max(now.live / kWorth, uint64_t{1})) {
    cycles_ = kMostCycles;
    earned_ns_ = now.ns;
    has_refused_ = false;
    return;
  }
  if (now.ns <= earned_ns_) return;
  const uint64_t price_ns = std::max(took_ns_ * kRestPerCycle, uint64_t{1});
  const uint64_t earned = (now.ns - earned_ns_) / price_ns;
  earned_ns_ += earned * price_ns;
  cycles_ = std::min(kMostCycles, cycles_ + std::min(earned, kMostCycles));
  if (cycles_ == kMostCycles) has_refused_ = false;
}

bool RescueBudget::TryTake(const Now& now) {
  Earn(now);
  if (cycles_ <= (has_refused_ ? 0 : kKept)) return false;
  --cycles_;
  return true;
}

void RescueBudget::NoteCycle(uint64_t took_ns, const Now& now) {
  took_ns_ = took_ns;
  earned_ns_ = std::max(earned_ns_, now.ns);
  allocated_ = now.allocated;
}

}  // namespace spanheap::policy
