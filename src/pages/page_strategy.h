// SPDX-License-Identifier: MIT
//
// PageStrategy: what any way of managing free pages by number must offer. Two satisfy it:
// PageAllocator (bitmaps under a tree of summaries) and FreeListHeap (lists of free runs by
// length). Tests, the script driver and the page benchmark are written against this concept.
#pragma once

#include <concepts>

#include "base/units.h"
#include "pages/chunk_ranges.h"
#include "pages/page_bitmap.h"
#include "pages/page_run.h"

namespace spanheap {

template <class T>
concept PageStrategy = requires(T pages, const T& const_pages, ChunkIndex c, PageIndex p, Pages n,
                                PageAlignment alignment, const PageBitmap& bits, uint64_t at_most) {
  // The chunk comes with these pages used and these of the others not backed. False: no room.
  { pages.GrowWith(c, bits, bits) } -> std::same_as<bool>;
  { pages.Allocate(n) } -> std::same_as<PageRun>;
  { pages.AllocateAligned(n, alignment) } -> std::same_as<PageRun>;
  { pages.AllocateAt(p, n) } -> std::same_as<PageRun>;
  { const_pages.LowestFree() } -> std::same_as<PageIndex>;
  // Free only what is AllUsed.
  { const_pages.AllUsed(p, n) } -> std::same_as<bool>;
  pages.Free(p, n);
  // Counts free pages as given back to the OS: at least so many, if there are. Returns how many.
  { pages.Scavenge(at_most) } -> std::same_as<uint64_t>;
  { const_pages.counts().free } -> std::convertible_to<uint64_t>;
  { const_pages.counts().scavenged } -> std::convertible_to<uint64_t>;
  // Aborts if an invariant is broken; returns the number of used pages.
  { pages.Verify() } -> std::same_as<uint64_t>;
};

}  // namespace spanheap
