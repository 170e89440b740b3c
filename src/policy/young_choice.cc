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

// Of what came since a mark that found `last_live`.
bool MostStayed(const MarkFound& found, uint64_t last_live) {
  if (found.before <= last_live || found.live <= last_live) return false;
  const uint64_t came = found.before - last_live;
  return came >= found.live / YoungChoice::kFewNewcomers && found.live - last_live > came / 2;
}

}  // namespace

bool YoungChoice::AfterFull(const MarkFound& found, const Newcomers& newcomers) {
  const bool pays = !IsMore(found.live, full_.live) && MostDie(newcomers, found.live);
  full_ = found;
  last_live_ = found.live;
  in_row_ = 0;
  if (to_rest_ > 0) {
    --to_rest_;
    return false;
  }
  return found.live >= kLeastLive && (always_ || pays);
}

bool YoungChoice::AfterYoung(const MarkFound& found) {
  const bool is_enough = IsMore(found.live, full_.live) || found.scanned > full_.scanned / 2 ||
                         (!always_ && MostStayed(found, last_live_));
  last_live_ = found.live;
  if (is_enough && in_row_ == 0 && !always_) {
    to_rest_ = kLeastRest << failed_;
    failed_ = std::min(failed_ + 1, kMostDoublings);
    return false;
  }
  failed_ = 0;
  return ++in_row_ < kMostInRow && !is_enough;
}

}  // namespace spanheap::policy
