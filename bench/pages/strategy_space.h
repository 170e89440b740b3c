// SPDX-License-Identifier: MIT
//
// A page strategy with tables of its own, over a page space of a chosen shape. The heap's mutex is
// taken around each operation, as PageHeap does.
#pragma once

#include <vector>

#include "pages/free_list_heap.h"
#include "pages/page_allocator.h"
#include "sync/mutex.h"

namespace spanheap::bench {

class BitmapSpace {
 public:
  explicit BitmapSpace(uint32_t chunks)
      : shape_(SummaryShape::For(Count(chunks + 1))),
        chunks_(chunks + 1),
        upper_(shape_.UpperEntries()),
        leaves_(shape_.LeafEntries()),
        records_(chunks + 1),
        ranges_(16) {
    PageAllocatorTables tables;
    tables.shape = shape_;
    tables.chunks = chunks_.data();
    tables.upper = upper_.data();
    tables.leaves = leaves_.data();
    tables.records = records_.data();
    tables.ranges = ranges_.data();
    tables.range_capacity = ranges_.size();
    pages_.Init(tables, {1, 256});
  }
  PageAllocator& pages() { return pages_; }
  static constexpr const char* kName = "bitmap";

 private:
  SummaryShape shape_;
  std::vector<PageChunk> chunks_;
  std::vector<RunSummary> upper_;
  std::vector<RunSummary> leaves_;
  std::vector<ScavengeIndex::Record> records_;
  std::vector<ChunkRange> ranges_;
  PageAllocator pages_;
};

class ListSpace {
 public:
  explicit ListSpace(uint32_t chunks)
      : record_of_((size_t{chunks} + 2) * kChunkPages.value),
        records_((size_t{chunks} + 1) * kChunkPages.value / 2 + 2),
        ranges_(16) {
    pages_.Init({record_of_.data(), records_.data(), static_cast<uint32_t>(records_.size()),
                 ranges_.data(), ranges_.size()});
  }
  FreeListHeap& pages() { return pages_; }
  static constexpr const char* kName = "lists (Go 1.8)";

 private:
  std::vector<uint32_t> record_of_;
  std::vector<FreeListHeap::Run> records_;
  std::vector<ChunkRange> ranges_;
  FreeListHeap pages_;
};

// Every fourth page is used but in the last chunk, which is free.
inline PageBitmap Fragmented() {
  PageBitmap used;
  for (unsigned i = 0; i < PageBitmap::kBits; i += 4) used.SetRange(i, 1);
  return used;
}

template <class Space>
class LockedSpace {
 public:
  enum class Shape { kFree, kFragmented };

  LockedSpace(uint32_t chunks, Shape shape) : space_(chunks) {
    for (uint32_t c = 1; c <= chunks; ++c) {
      const bool is_free = shape == Shape::kFree || c == chunks;
      pages().GrowWith(ChunkIndex(c), is_free ? PageBitmap{} : Fragmented(), PageBitmap{});
    }
  }
  PageRun Allocate(Pages n) {
    MutexLock lock(mutex_);
    return pages().Allocate(n);
  }
  void Free(const PageRun& run) {
    MutexLock lock(mutex_);
    if (!pages().AllUsed(run.first, run.count)) __builtin_trap();
    pages().Free(run.first, run.count);
  }
  auto& pages() { return space_.pages(); }
  Mutex& mutex() { return mutex_; }

 private:
  Space space_;
  Mutex mutex_{LockRank::kPageHeap};
};

}  // namespace spanheap::bench
