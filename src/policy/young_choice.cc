// SPDX-License-Identifier: MIT
#include "policy/young_choice.h"

#include <algorithm>

namespace spanheap::policy {

bool YoungChoice::AfterFull(uint64_t live) {
  full_live_ = live;
  in_row_ = 0;
  if (to_rest_ > 0) {
    --to_rest_;
    return false;
  }
  return live >= kLeastLive;
}

bool YoungChoice::AfterYoung(uint64_t live, uint64_t scanned) {
  const bool is_enough = live >= full_live_ + full_live_ / 2;
  if (scanned > full_live_ / 2 || (in_row_ == 0 && is_enough)) {
    to_rest_ = 1U << failed_;
    failed_ = std::min(failed_ + 1, kMostDoublings);
    return false;
  }
  failed_ = 0;
  return ++in_row_ < kMostInRow && !is_enough;
}

}  // namespace spanheap::policy
