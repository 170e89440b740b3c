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

void CacheShare::Update() {
  const uint64_t share = std::min(ForAll() / std::max(threads(), 1U), kMostForOne);
  // Many threads may come here again and again, to find it as it was. Relaxed: as above.
  if (share != bytes()) bytes_.StoreRelaxed(share);
}

uint64_t CacheShare::ForAll() const {
  const uint64_t by_heap = std::max(kLeastForAll, gauge_.counted() / kPartOfHeap);
  const uint64_t most = std::min(by_heap, gauge_.limit() / kPartOfLimit);
  return gauge_.is_above_target() ? most / kPartAboveTarget : most;
}

}  // namespace spanheap
