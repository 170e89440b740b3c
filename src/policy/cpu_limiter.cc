// SPDX-License-Identifier: MIT
#include "policy/cpu_limiter.h"

#include <algorithm>

#include "policy/pace_rules.h"

namespace spanheap::policy {

void CpuLimiter::Update(const CpuWindow& window) {
  uint64_t collector = window.assist_ns;
  if (window.marking) {
    collector += static_cast<uint64_t>(kMarkUtilization * static_cast<double>(window.total_ns));
  }
  const uint64_t others = collector + window.idle_ns;
  Accumulate(window.total_ns > others ? window.total_ns - others : 0, collector);
}

void CpuLimiter::Accumulate(uint64_t mutator_ns, uint64_t collector_ns) {
  const uint64_t room = capacity_ns_ - fill_ns_;
  if (collector_ns > mutator_ns && collector_ns - mutator_ns >= room) {
    overflow_ns_ += collector_ns - mutator_ns - room;
    fill_ns_ = capacity_ns_;
    limiting_ = true;
    return;
  }
  if (collector_ns >= mutator_ns) {
    fill_ns_ += collector_ns - mutator_ns;
  } else {
    fill_ns_ -= std::min(fill_ns_, mutator_ns - collector_ns);
  }
  if (collector_ns != mutator_ns) limiting_ = false;
}

}  // namespace spanheap::policy
