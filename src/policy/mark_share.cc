// SPDX-License-Identifier: MIT
#include "policy/mark_share.h"

#include <algorithm>

#include "policy/pace_rules.h"

namespace spanheap::policy {
namespace {

uint64_t Quarter_ns(const MarkUse& use) {
  return static_cast<uint64_t>(kMarkUtilization * use.processors *
                               static_cast<double>(use.elapsed_ns));
}

}  // namespace

bool MayMark(const MarkUse& use, unsigned rank) {
  const MarkWorkers workers = MarkWorkersFor(use.processors);
  if (rank < workers.dedicated) return true;
  // The dedicated ones may have had less than their time: the quarter is what counts.
  if (rank == workers.dedicated && workers.fraction > 0 && use.marking_ns <= Quarter_ns(use)) {
    return true;
  }
  if (use.limiting || rank >= use.processors) return false;
  const uint64_t others_ns = use.process_ns - std::min(use.process_ns, use.marking_ns);
  // Slices that are not over count as others' time, and nobody is idle to the last bit.
  const uint64_t slack_ns = use.elapsed_ns / 4;
  return others_ns + (rank + 1) * use.elapsed_ns <= use.processors * use.elapsed_ns + slack_ns;
}

uint64_t IdleMarking_ns(const MarkUse& use) {
  return use.marking_ns - std::min(use.marking_ns, Quarter_ns(use));
}

}  // namespace spanheap::policy
