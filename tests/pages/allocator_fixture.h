// SPDX-License-Identifier: MIT
//
// A PageAllocator on tables of its own, for tests that look at more than scripts can ask.
#pragma once

#include <vector>

#include "pages/page_allocator.h"

namespace spanheap {

class AllocatorOnTables {
 public:
  explicit AllocatorOnTables(uint32_t chunks, unsigned levels = 0, ReleaseUnits units = {1, 256})
      : shape_(levels == 0 ? SummaryShape::For(Count(chunks))
                           : SummaryShape(Count(chunks), levels)),
        chunks_(chunks),
        upper_(shape_.UpperEntries()),
        leaves_(shape_.LeafEntries()),
        records_(chunks),
        ranges_(chunks) {
    PageAllocatorTables tables;
    tables.shape = shape_;
    tables.chunks = chunks_.data();
    tables.upper = upper_.data();
    tables.leaves = leaves_.data();
    tables.records = records_.data();
    tables.ranges = ranges_.data();
    tables.range_capacity = ranges_.size();
    pages_.Init(tables, units);
  }

  PageAllocator* operator->() { return &pages_; }
  bool Grow(uint32_t begin, uint32_t end) {
    return pages_.Grow({ChunkIndex(begin), ChunkIndex(end)}, true);
  }
  // Grown, and all of it backed and free, as after a free.
  void GrowBacked(uint32_t chunk) {
    pages_.GrowWith(ChunkIndex(chunk), PageBitmap{}, PageBitmap{});
  }

 private:
  SummaryShape shape_;
  std::vector<PageChunk> chunks_;
  std::vector<RunSummary> upper_;
  std::vector<RunSummary> leaves_;
  std::vector<ScavengeIndex::Record> records_;
  std::vector<ChunkRange> ranges_;
  PageAllocator pages_;
};

inline PageIndex PageAt(uint32_t chunk, uint32_t page) {
  return FirstPage(ChunkIndex(chunk)) + Pages(page);
}

}  // namespace spanheap
