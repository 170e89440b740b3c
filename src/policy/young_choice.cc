// SPDX-License-Identifier: MIT
#include "policy/young_choice.h"

#include <algorithm>

namespace spanheap::policy {
namespace {

// Half as much again as `bytes`, or more.
bool IsMore(uint64_t live, uint64_t bytes) { return live >= bytes + bytes / 2; }

bool MostDie(const Newcomers& newcomers, uint64_t live) {
  return newcomers.bytes >= live / YoungChoice::kFewNewcomers &&
         newcomers.kept <= newcomers.bytes / 2;
}

bool MostStayed(const MarkFound& found) {
  return found.came >= found.live / YoungChoice::kFewNewcomers && found.stayed > found.came / 2;
}

}  // namespace

bool YoungChoice::AfterFull(const MarkFound& found, const Newcomers& newcomers) {
  const bool pays = !IsMore(found.live, full_.live) && MostDie(newcomers, found.live);
  full_ = found;
  in_row_ = 0;
  if (to_rest_ > 0) {
    --to_rest_;
    return false;
  }
  return found.live >= kLeastLive && (always_ || pays);
}

bool YoungChoice::AfterYoung(const MarkFound& found) {
  const bool is_enough = IsMore(found.live, full_.live) || found.scanned > full_.scanned / 2 ||
                         (!always_ && MostStayed(found));
  if (is_enough && in_row_ == 0 && !always_) {
    to_rest_ = kLeastRest << failed_;
    failed_ = std::min(failed_ + 1, kMostDoublings);
    return false;
  }
  failed_ = 0;
  return ++in_row_ < kMostInRow && !is_enough;
}

}  // namespace spanheap::policy
