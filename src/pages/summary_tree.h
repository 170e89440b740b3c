// SPDX-License-Identifier: MIT
//
// SummaryTree: finds the lowest run of n free pages among all chunks without reading their bitmaps.
//
// Idea.       The leaf level has a RunSummary per chunk; an entry above merges eight below it,
//             which fill one cache line. The top level is searched from side to side.
// Picture.    level 0 (root)    at most 64 entries when the number of levels may be chosen
//             level i           entry e merges entries 8e..8e+7 of level i + 1
//             level count - 1   one entry per chunk
// Invariants. Every entry above the leaves is the merge of its children (Verify).
// Threads.    The owner's lock.
// Cost.       Set: up to count - 1 merges of 8, stops at the first level that does not change.
//             Find: the root from the start position, then 8 entries a level. FindAligned: the
//             same for each run that is long enough, up to the first that is aligned.
// Go.         pageAlloc.summary, .update, .find; there always five levels and a root of 2^14.
// Tests.      tests/pages/summary_tree_test.cc against recomputation and a linear search.
#pragma once

#include "base/units.h"
#include "layout/geometry.h"
#include "pages/page_run.h"
#include "pages/run_summary.h"

namespace spanheap {

// How many entries each level has. Levels below the root are whole blocks of eight.
struct SummaryShape {
  static constexpr unsigned kFanOutLog2 = 3;
  static constexpr unsigned kFanOut = 1U << kFanOutLog2;
  static constexpr unsigned kMaxLevels = 5;
  static constexpr uint32_t kRootEntries = 64;

  unsigned levels = 0;
  uint32_t entries[kMaxLevels] = {};

  constexpr SummaryShape() = default;
  constexpr SummaryShape(Count chunks, unsigned level_count) : levels(level_count) {
    for (unsigned level = 0; level < levels; ++level) {
      const uint32_t used = static_cast<uint32_t>(
          DivideUp(chunks.value, uint64_t{1} << (kFanOutLog2 * (levels - 1 - level))));
      entries[level] = static_cast<uint32_t>(RoundUp(used, uint64_t{kFanOut}));
    }
  }
  // As few levels as give a root of at most 64 entries, at most five.
  static constexpr SummaryShape For(Count chunks) {
    unsigned count = 1;
    while (count < kMaxLevels &&
           DivideUp(chunks.value, uint64_t{1} << (kFanOutLog2 * (count - 1))) > kRootEntries) {
      ++count;
    }
    return SummaryShape(chunks, count);
  }
  // All levels above the leaves, and the leaves.
  constexpr uint32_t UpperEntries() const {
    uint32_t n = 0;
    for (unsigned level = 0; level + 1 < levels; ++level) n += entries[level];
    return n;
  }
  constexpr uint32_t LeafEntries() const { return entries[levels - 1]; }
};

class SummaryTree {
 public:
  // Where a run of free pages is: at a page, or somewhere inside a chunk.
  struct Place {
    enum Kind : uint8_t { kNowhere, kAtPage, kInChunk } kind = kNowhere;
    PageIndex page;    // kAtPage: its first page
    ChunkIndex chunk;  // kInChunk
  };

  constexpr SummaryTree() = default;
  // `upper` and `leaves` have as many zero entries as the shape says; leaf parts of chunks that
  // were never grown need not be accessible, except their block neighbours'.
  void Init(const SummaryShape& shape, RunSummary* upper, RunSummary* leaves);

  RunSummary Leaf(ChunkIndex c) const { return leaves_[c.value]; }
  RunSummary At(unsigned level, uint32_t index) const { return levels_[level][index]; }
  const SummaryShape& shape() const { return shape_; }

  // Sets one leaf and brings the levels above up to date.
  void Set(ChunkIndex c, RunSummary summary);
  // Leaves [first, last] were changed by SetLeafOnly: brings the levels above up to date.
  void SetLeafOnly(ChunkIndex c, RunSummary summary) { leaves_[c.value] = summary; }
  void Propagate(ChunkIndex first, ChunkIndex last);
  // The same for chunks that have just been grown: writes every level without reading it, as its
  // pages may be new, and those that are read before they are written cost two faults.
  void PropagateGrown(ChunkIndex first, ChunkIndex last);

  // The lowest run of n free pages; nothing below chunk `from` is free.
  Place Find(uint32_t n, ChunkIndex from) const;
  // The same among those runs that begin at a place of `alignment`; its page, or kNowhere.
  // find_inside(chunk) looks for one inside a chunk that has n free pages in a row, and answers in
  // the same way; what else it answers ends the search, too.
  static constexpr uint64_t kNowhere = ~uint64_t{0};
  template <class FindInside>
  uint64_t FindAligned(uint32_t n, PageAlignment alignment, ChunkIndex from,
                       FindInside find_inside) const {
    AlignedSearch search{n, alignment, 0};
    return SearchAligned(0, from.value >> ShiftOf(0), shape_.entries[0], search, find_inside);
  }

  // Aborts if an entry of the path above a chunk of [first, last] is not the merge of its children.
  void Verify(ChunkIndex first, ChunkIndex last) const;

 private:
  unsigned ShiftOf(unsigned level) const {  // log2 of chunks per entry
    return SummaryShape::kFanOutLog2 * (shape_.levels - 1 - level);
  }
  unsigned PagesLog2Of(unsigned level) const { return ShiftOf(level) + kChunkPagesShift; }
  RunSummary MergeOf(unsigned level, uint32_t entry) const;

  struct AlignedSearch {
    uint32_t n;
    PageAlignment alignment;
    uint64_t run;  // free pages that reach up to the current entry
  };
  // Looks at entries [begin, end) of a level, and into those that have n free pages in a row.
  template <class FindInside>
  uint64_t SearchAligned(unsigned level, uint32_t begin, uint32_t end, AlignedSearch& search,
                         FindInside& find_inside) const {
    const uint64_t whole = uint64_t{1} << PagesLog2Of(level);
    for (uint32_t e = begin; e < end; ++e) {
      const RunSummary s = levels_[level][e];
      const uint64_t run = search.run;
      const uint64_t spanning = search.alignment.NextAt(e * whole - run);
      if (spanning + search.n <= e * whole + s.start()) return spanning;
      if (s.max() >= search.n) {
        const uint64_t inside = SearchInside(level, e, search, find_inside);
        if (inside != kNowhere) return inside;
      }
      search.run = s.end() == whole ? run + whole : s.end();
    }
    return kNowhere;
  }
  template <class FindInside>
  uint64_t SearchInside(unsigned level, uint32_t e, AlignedSearch& search,
                        FindInside& find_inside) const {
    if (level + 1 == shape_.levels) return find_inside(ChunkIndex(e));
    const uint32_t block = e << SummaryShape::kFanOutLog2;
    return SearchAligned(level + 1, block, block + SummaryShape::kFanOut, search, find_inside);
  }

  struct Scan {
    Place place;
    uint32_t entry = 0;
    bool descend = false;
  };
  Scan ScanBlock(unsigned level, uint32_t block, uint32_t begin, uint32_t end, uint32_t n) const;

  SummaryShape shape_;
  RunSummary* levels_[SummaryShape::kMaxLevels] = {};
  RunSummary* leaves_ = nullptr;
};

}  // namespace spanheap
