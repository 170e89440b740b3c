// SPDX-License-Identifier: MIT
//
// SlotCensus: what the slots of all collected spans hold, by kind; for reports.
//
// Idea.    One walk over the records, with nothing held. A span that is not swept yet tells by its
//          marks what lives; a swept one by its allocated bits.
// Threads. Any. Exact while nobody allocates, marks or sweeps; otherwise each span is counted as it
//          was at some moment of the walk.
// Cost.    A cache line or two for each span.
// Tests.   tests/runtime/collected_report_test.cc.
#pragma once

#include "collect/allocation_cache.h"
#include "collect/span_store.h"

namespace spanheap::collected {

struct SlotCounts {
  uint64_t spans = 0;
  uint64_t pages = 0;
  uint64_t live = 0;         // slots, those that threads have claimed among them
  uint64_t dead = 0;         // not marked and not swept
  uint64_t free = 0;         // in spans
  uint64_t cached = 0;       // part of live: claimed, not handed out
  uint64_t large_bytes = 0;  // asked for, of live large objects
};

class SlotCensus {
 public:
  void CountSpans(const SpanStore& store);
  // What a thread has claimed and not handed out.
  void CountCache(const AllocationCache& cache);
  const SlotCounts& of(uint8_t kind) const { return counts_[kind]; }

 private:
  void CountSpan(const SpanStore& store, const CollectedSpan& span, uint32_t generation);

  SlotCounts counts_[kKindCount];
};

}  // namespace spanheap::collected
