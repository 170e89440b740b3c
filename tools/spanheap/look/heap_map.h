// SPDX-License-Identifier: MIT
//
// HeapMap: what each page of a heap is used for, which slots wait in thread caches, and what in the
// image contradicts itself.
//
// Invariants. Every page of a grown chunk has exactly one state. A slot counts as cached at most
//             once, and only if its span says that it is not free.
// Fails.      Damaged: what claims pages claims far more than there are.
// Tests.      tests/tools/look_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "spanheap/look/heap_image.h"

namespace spanheap::look {

enum class PageState : uint8_t {
  kReleased,   // free, not backed
  kFree,       // free, may be backed
  kPageCache,  // free, in a thread's page cache, or being touched ahead of need
  kSmall,      // of a span of slots
  kSolo,       // of a block with a span of its own
  kRun,        // of a live run
  kRunCached,  // of a run that waits in a thread's cache
  kRunKept,    // of a run that waits on its shelf
  kUnknown,    // used, but nobody's: on its way back to the OS, or in transit
  kCollected,  // of a span of the collected heap
};

struct PageCell {
  PageState state = PageState::kUnknown;
  uint8_t malloc_class = 0;
  // kSmall, kSolo: index in HeapImage::spans; kCollected: in CollectedImage::spans; runs: their
  // first page.
  uint32_t owner = 0;
};

struct SpanUse {
  uint32_t used = 0;    // slots that are not free, cached ones included
  uint32_t cached = 0;  // in thread caches and on the shelf
};

class HeapMap {
 public:
  explicit HeapMap(const HeapImage& image);

  // Page i of the n-th chunk of the image is cell n * chunk_pages + i.
  const std::vector<PageCell>& cells() const { return cells_; }
  // By span of the image.
  const std::vector<SpanUse>& uses() const { return uses_; }
  // Cached slots, laid out as HeapImage::bits.
  const std::vector<uint64_t>& cached_bits() const { return cached_bits_; }
  // By class: runs that are live, and that wait in a thread's cache.
  const std::vector<uint64_t>& live_runs() const { return live_runs_; }
  const std::vector<uint64_t>& cached_runs() const { return cached_runs_; }
  // Bytes that are claimed twice, or not by whom they should be. 0 in a quiet heap.
  uint64_t contradictions() const { return contradictions_; }

 private:
  void IndexChunks();
  void MarkFree();
  void MarkSpans();
  void MarkPageCaches();
  void MarkPageCache(uint32_t base, uint64_t free);
  void MarkRuns();
  void MarkKeptRuns();
  void MarkCollected();
  void MarkCached();
  void MarkCachedBlock(unsigned c, uint64_t address);
  // The cell of a page, or null if it is in no grown chunk.
  PageCell* CellOf(uint32_t page);
  // Gives `pages` unknown pages a state; what was not unknown is a contradiction.
  void Claim(uint32_t first, uint32_t pages, PageCell as);

  const HeapImage& image_;                // while this is made, not later
  std::vector<uint32_t> place_of_chunk_;  // 1 + its place in the image; 0: not grown
  std::vector<PageCell> cells_;
  std::vector<SpanUse> uses_;
  std::vector<uint64_t> cached_bits_;
  std::vector<uint64_t> live_runs_;
  std::vector<uint64_t> cached_runs_;
  uint64_t contradictions_ = 0;
  uint64_t claims_left_ = 0;  // pages; each is claimed once in a sound heap
};

}  // namespace spanheap::look
