// SPDX-License-Identifier: MIT
//
// PageCache: up to 64 pages that one thread takes and gives without any lock.
//
// Idea.       A cache owns the free pages of one aligned block of 64 pages. In the heap's bitmap
//             they count as used; here one word says which are still free. Allocation is a bit
//             search in that word. Pages of the same block may be freed into it as well.
// Invariants. scavenged and zeroed bits are subsets of the free bits.
// Threads.    The owner changes it. Other threads may read free_bits() and scavenged_bits().
//             list links belong to the page heap's lock.
// Cost.       One word search; no atomic read-modify-write.
// Go.         mpagecache.go; there frees never come here, and requests stop at 16 pages.
// Tests.      tests/pages/page_cache_test.cc.
#pragma once

#include <bit>

#include "base/atomic.h"
#include "base/units.h"
#include "layout/geometry.h"
#include "pages/page_run.h"

namespace spanheap {

// 64 aligned pages as three words, bit i for page base + i.
struct PageBlock {
  PageIndex base;
  uint64_t free = 0;
  uint64_t scavenged = 0;
  uint64_t zeroed = 0;
};

class PageCache {
 public:
  constexpr PageCache() = default;

  // The lowest run of n free pages of the block; count 0 if there is none. n >= 1.
  PageRun Allocate(Pages n);
  // Takes the run back if it lies in the block this cache was filled from; else false, and nothing
  // has changed. Fatal if one of its pages is free here.
  bool Free(PageIndex first, Pages n);

  // Once, before it is used: the heap grows for this cache with huge pages ahead of it, where that
  // is due (PageHeap::TakeTouchDue). The owner looks for that.
  void SetAhead() { is_ahead_ = true; }

  // The cache now holds this block instead of what it held.
  void Fill(const PageBlock& block);
  // Everything that was free; the cache is empty afterwards and takes no frees.
  PageBlock Drain();

  // Relaxed: the owner reads its own writes, others read a statistic.
  bool is_empty() const { return free_.LoadRelaxed() == 0; }
  uint64_t free_bits() const { return free_.LoadRelaxed(); }
  uint64_t scavenged_bits() const { return scavenged_.LoadRelaxed(); }
  PageIndex base() const { return base_; }

 private:
  friend class PageHeap;
  friend struct RootRecord;  // its layout is described to tools

  PageIndex base_;              // multiple of 64; 0: the cache was never filled
  Atomic<uint64_t> free_;       // written by the owner only
  Atomic<uint64_t> scavenged_;  // free, not backed
  uint64_t zeroed_ = 0;         // free, known to read as zero
  PageCache* next_ = nullptr;   // list of caches that hold a block; the page heap's lock
  bool is_listed_ = false;      // on that list; the page heap's lock
  bool is_ahead_ = false;       // const once used
};

}  // namespace spanheap
