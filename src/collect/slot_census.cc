// SPDX-License-Identifier: MIT
#include "collect/slot_census.h"

#include "base/count_ones.h"

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
  uint64_t live = 0;
  uint64_t dead = 0;
  for (unsigned w = 0; w < shape.words; ++w) {
    const uint64_t padding = w + 1U == shape.words ? PaddingOf(shape) : 0;
    // Relaxed: as of some moment.
    const uint64_t taken = allocated[w].LoadRelaxed() & ~padding;
    const uint64_t alive = is_swept ? taken : taken & marks[w].LoadRelaxed();
    live += CountOnes(alive);
    dead += CountOnes(taken & ~alive);
  }
  counts.live += live;
  counts.dead += dead;
  counts.free += shape.slots - live - dead;
  ++counts.spans;
  counts.pages += span.pages.value;
  if (IsLargeKind(span.kind)) counts.large_bytes += live * span.bytes.LoadRelaxed();
}

void SlotCensus::CountCache(const AllocationCache& cache) {
  for (unsigned kind = 1; kind < kKindCount; ++kind) {
    // Relaxed: as of some moment.
    counts_[kind].cached += CountOnes(cache.words[kind].free());
  }
}

}  // namespace spanheap::collected
