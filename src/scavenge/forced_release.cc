// SPDX-License-Identifier: MIT
#include "scavenge/forced_release.h"

namespace spanheap {

void ForcedRelease::StartPages(Phase phase) {
  phase_ = phase;
  pieces_left_ = pages_.grown_bytes() / kPiece.value + 1;
}

void ForcedRelease::ReleasePages(Phase next) {
  const Pages wanted = PagesWithin(Piece());
  const Pages given = pages_.ReleaseFree(wanted, true);
  released_ += BytesOf(given);
  if (given >= wanted && --pieces_left_ > 0) return;
  phase_ = next;
  if (next == Phase::kHoles) holes_.BeginForced();
}

bool ForcedRelease::Step(PageCache& cache) {
  switch (phase_) {
    case Phase::kSpares:
      spans_.GiveUpSpares();
      StartPages(Phase::kPages);
      break;
    case Phase::kPages:
      ReleasePages(Phase::kHoles);
      break;
    case Phase::kHoles:
      released_ += holes_.Go(memory_, cache, Piece(), kRecords);
      if (!holes_.is_over()) break;
      if (!cache.is_empty()) pages_.Flush(cache);
      StartPages(Phase::kLastPages);
      break;
    case Phase::kLastPages:
      ReleasePages(Phase::kOver);
      break;
    case Phase::kOver:
      break;
  }
  return phase_ != Phase::kOver && released_ < at_most_;
}

}  // namespace spanheap
