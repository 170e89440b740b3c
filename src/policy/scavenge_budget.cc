// SPDX-License-Identifier: MIT
#include "policy/scavenge_budget.h"

#include <algorithm>

namespace spanheap {

void ScavengeBudget::Advance(uint64_t now_ns) {
  if (!started_) {
    started_ = true;
    balance_ns_ = kBurst_ns;
    seen_ns_ = now_ns;
    return;
  }
  const uint64_t elapsed = std::min(now_ns - seen_ns_ + left_over_ns_, kBurst_ns * kShare);
  seen_ns_ = now_ns;
  left_over_ns_ = elapsed % kShare;
  balance_ns_ = std::min(balance_ns_ + static_cast<int64_t>(elapsed / kShare),
                         static_cast<int64_t>(kBurst_ns));
}

void ScavengeBudget::Charge(uint64_t cost_ns, uint64_t bytes) {
  balance_ns_ -= static_cast<int64_t>(cost_ns);
  spent_ns_ += cost_ns;
  const uint64_t mib = bytes >> 20;
  if (mib == 0) return;
  // Small pieces cost more per byte than large ones, and both come in rows.
  const uint64_t cost = std::clamp<uint64_t>(cost_ns / mib, 1'000, 4'000'000);
  cost_per_mib_ns_ = (cost_per_mib_ns_ * 3 + cost) / 4;
}

uint64_t ScavengeBudget::Wait_ns() const {
  const auto slice = static_cast<int64_t>(kSlice_ns);
  if (balance_ns_ > 0) return 0;
  return static_cast<uint64_t>(slice - balance_ns_) * kShare;
}

uint64_t ScavengeBudget::SliceBytes() const {
  return std::clamp((kSlice_ns << 20) / cost_per_mib_ns_, kLeastSlice, kMostSlice);
}

}  // namespace spanheap
