// SPDX-License-Identifier: MIT
#include "caches/cache_share.h"

#include <algorithm>

namespace spanheap {

void CacheShare::Join() {
  threads_.FetchAddRelaxed(1);  // relaxed: a number that orders nothing, like the next one
  Update();
}

void CacheShare::Leave() {
  threads_.FetchSubRelaxed(1);
  Update();
}

void CacheShare::Note(uint64_t more) {
  kept_.FetchAddRelaxed(more);
  Update();
}

void CacheShare::Update() {
  const uint64_t all = ForAll();
  // Relaxed: two threads may differ about it for a moment.
  const bool is_tight = kept() > (is_tight_.LoadRelaxed() ? all - all / 4 : all);
  if (is_tight != is_tight_.LoadRelaxed()) is_tight_.StoreRelaxed(is_tight);
  const uint64_t part = all / std::max(threads(), 1U);
  const uint64_t share = is_tight ? std::clamp(part, kLeastForOne, kMostForOne) : kMostForOne;
  // Many threads may come here again and again, to find it as it was. Relaxed: as above.
  if (share != bytes()) bytes_.StoreRelaxed(share);
}

// In whole steps, so that a share does not change with each span.
uint64_t CacheShare::ForAll() const {
  constexpr uint64_t kStep = uint64_t{4} << 20;
  const uint64_t by_heap = gauge_.counted() / kPartOfHeap / kStep * kStep;
  const uint64_t most = std::min(std::max(kLeastForAll, by_heap), gauge_.limit() / kPartOfLimit);
  return gauge_.is_above_target() ? most / kPartAboveTarget : most;
}

}  // namespace spanheap
