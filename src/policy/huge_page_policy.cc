// SPDX-License-Identifier: MIT
#include "policy/huge_page_policy.h"

#include <algorithm>

namespace spanheap {

bool HugePagePolicy::MayAsk(HugePageMode mode, System system, uint64_t now_ns,
                            uint64_t paused_until_ns) {
  if (!system.has_huge_pages || mode == HugePageMode::kOff) return false;
  return mode == HugePageMode::kEager || now_ns >= paused_until_ns;
}

bool HugePagePolicy::IsPlentiful(Bytes free, Bytes total, bool has_pressure, Bytes step) {
  const Bytes advised = std::max(step, kStep);
  return !has_pressure && free.value > total.value / 4 && free.value / 16 > advised.value;
}

bool HugePagePolicy::HasRoom(Bytes left, Bytes step) { return left >= std::max(step, kStep); }

HugePagePolicy::Trial HugePagePolicy::Judge(uint64_t touch_ns, bool was_slow) {
  if (IsFast(touch_ns)) return Trial::kKeep;
  if (was_slow) return Trial::kGiveUp;
  return touch_ns < kStalledTouch_ns ? Trial::kKeep : Trial::kTryAnother;
}

}  // namespace spanheap
