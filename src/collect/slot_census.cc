// SPDX-License-Identifier: MIT
#include "collect/slot_census.h"

#include <bit>

namespace spanheap::collected {

void SlotCensus::CountSpans(const SpanStore& store) {
  const uint32_t generation = store.generation();
  for (uint32_t i = 1; i < store.records().end(); ++i) {
    const CollectedSpan& span = store.records().At(i);
    if (span.kind != 0) CountSpan(store, span, generation);
  }
}

void SlotCensus::CountSpan(const SpanStore& store, const CollectedSpan& span, uint32_t generation) {
  const SpanKind& shape = kSpanKinds[span.kind];
  const uint32_t first = span.first.value;
  const Atomic<uint64_t>* marks = store.tables().marks(first);
  const Atomic<uint64_t>* allocated = store.tables().allocated(first, shape);
  const bool is_swept = span.swept.LoadAcquire() == generation;
  SlotCounts& counts = counts_[span.kind];
  for (unsigned w = 0; w < shape.words; ++w) {
    // Relaxed: as of some moment.
    const uint64_t taken =
        allocated[w].LoadRelaxed() & ~(w + 1U == shape.words ? PaddingOf(shape) : 0);
    const uint64_t live = is_swept ? taken : taken & marks[w].LoadRelaxed();
    counts.live += static_cast<uint64_t>(std::popcount(live));
    counts.dead += static_cast<uint64_t>(std::popcount(taken & ~live));
    counts.free -= static_cast<uint64_t>(std::popcount(taken));
  }
  counts.free += shape.slots;
  ++counts.spans;
  counts.pages += span.pages.value;
  if (IsLargeKind(span.kind)) counts.large_bytes += span.bytes.LoadRelaxed();  // relaxed: the same
}

void SlotCensus::CountCache(const AllocationCache& cache) {
  for (unsigned kind = 1; kind < kKindCount; ++kind) {
    // Relaxed: as of some moment.
    counts_[kind].cached +=
        static_cast<uint64_t>(std::popcount(cache.words[kind].free.LoadRelaxed()));
  }
}

}  // namespace spanheap::collected
