// SPDX-License-Identifier: MIT
#include "policy/scavenge_goal.h"

#include <algorithm>

namespace spanheap {
namespace {

// `distance` after a time in which it halves each half life; in between a straight line.
uint64_t Decayed(uint64_t distance, uint64_t elapsed_ns, uint64_t half_life_ns) {
  for (; elapsed_ns >= half_life_ns && distance != 0; elapsed_ns -= half_life_ns) distance /= 2;
  // In thousandths of a half life, so that no product overflows.
  const uint64_t part = elapsed_ns * 1000 / half_life_ns;
  return distance - distance / 2000 * part - distance % 2000 * part / 2000;
}

}  // namespace

void ScavengeGoal::Observe(uint64_t now_ns, uint64_t in_use, uint64_t swing) {
  if (seen_ns_ == 0) generation_ns_ = seen_ns_ = moved_ns_ = now_ns;
  if (in_use != in_use_) moved_ns_ = now_ns;
  in_use_ = in_use;
  if (in_use < peak_ - peak_ / 4) has_fallen_ = true;
  const bool is_fast = has_fallen_ || now_ns - moved_ns_ >= kStill_ns;
  const uint64_t half_life = is_fast ? kHalfLifeAfterFall_ns : kHalfLife_ns;
  const uint64_t elapsed_ns = now_ns - seen_ns_;
  peak_ = in_use + Decayed(peak_ > in_use ? peak_ - in_use : 0, elapsed_ns, half_life);
  swing_ = std::max(swing, Decayed(swing_, elapsed_ns, half_life));
  // Near enough: from here on it is slow again.
  if (peak_ - in_use <= in_use / 32) has_fallen_ = false;
  seen_ns_ = now_ns;
}

uint64_t ScavengeGoal::Excess(uint64_t retained) const {
  const uint64_t goal = bytes();
  const uint64_t least = is_still() ? kLeastExcessWhenStill
                                    : std::clamp(in_use_ / 64, kLeastExcessWhenStill, kLeastExcess);
  return retained > goal + least ? retained - goal : 0;
}

bool ScavengeGoal::TakeGeneration() {
  const uint64_t length = has_fallen_ ? kGenerationAfterFall_ns : kGeneration_ns;
  if (seen_ns_ - generation_ns_ < length) return false;
  generation_ns_ = seen_ns_;
  return true;
}

}  // namespace spanheap
