// SPDX-License-Identifier: MIT
//
// Geometry: how address space is divided. Pages of 8 KiB are what the heap counts in; 512 of them
// make a chunk, the unit of bitmaps and growth; 16 chunks make an arena, the unit of bookkeeping.
//
// Idea.  Every page has a PageIndex. In the usual, linear mode, the index is the distance from the
//        base of one large reservation; in sparse mode arenas are numbered as they come. Tables are
//        arrays over that dense index in both modes (pages/page_space.h does the conversion).
// Go.    malloc.go, mpagealloc.go: the same page, chunk and arena; Go indexes by absolute address.
#pragma once

#include "base/bits.h"
#include "base/units.h"

namespace spanheap {

// The heap's page, whatever the OS page is. Larger wastes span tails, smaller makes tables longer.
inline constexpr unsigned kPageShift = 13;
inline constexpr Bytes kPageSize{size_t{1} << kPageShift};

// A chunk's bitmap is 512 bits: one cache line; a summary field of it is 9 bits wide.
inline constexpr unsigned kChunkPagesShift = 9;
inline constexpr Pages kChunkPages{1U << kChunkPagesShift};
inline constexpr unsigned kChunkShift = kPageShift + kChunkPagesShift;
inline constexpr Bytes kChunkSize{size_t{1} << kChunkShift};

inline constexpr unsigned kArenaShift = 26;
inline constexpr Bytes kArenaSize{size_t{1} << kArenaShift};

// One word of a bitmap: the block that a page cache takes at once.
inline constexpr Pages kPagesPerWord{64};

constexpr Bytes BytesOf(Pages n) { return Bytes(size_t{n.value} << kPageShift); }
constexpr Pages PagesFor(Bytes n) {
  return Pages(static_cast<uint32_t>((n.value + kPageSize.value - 1) >> kPageShift));
}
// What one who wants about n bytes back asks for: one page at least, and no more than there can be.
constexpr Pages PagesWithin(Bytes n) {
  constexpr size_t kMost = ~uint32_t{0};
  const size_t pages = n.value >> kPageShift;
  return Pages(static_cast<uint32_t>(pages == 0 ? 1 : pages < kMost ? pages : kMost));
}
constexpr ChunkIndex ChunkOf(PageIndex p) { return ChunkIndex(p.value >> kChunkPagesShift); }
constexpr uint32_t PageInChunk(PageIndex p) { return p.value & (kChunkPages.value - 1); }
constexpr PageIndex FirstPage(ChunkIndex c) { return PageIndex(c.value << kChunkPagesShift); }

static_assert(kArenaSize.value % kChunkSize.value == 0);

}  // namespace spanheap
