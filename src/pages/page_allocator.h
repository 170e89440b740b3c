// SPDX-License-Identifier: MIT
//
// PageAllocator: finds the lowest run of n free pages anywhere in the page number space.
//
// Idea.       A bitmap per chunk says which pages are used; a tree of summaries says where runs of
//             free pages are. The tree follows lazily: a chunk that changes is noted as pending;
//             while changes fall into the few pending chunks, only bitmaps change. Their summaries
//             are computed when the tree is searched or too many chunks are pending, and the tree
//             above is touched only if a summary differs from the one before.
// Picture.    search_ -> |used used ....|.. pending ..|      |      |     chunks (bitmaps)
//                        [s][s][s][s][s][s][s][s]                         leaf summaries
//                        [         s            ] ...                     the tree
// Invariants. I1 no free page below search_, and search_ lies in a grown chunk, or is kNone.
//             I2 each leaf but the pending ones is its bitmap's summary; the tree is as they say.
//             I3 used & scavenged == 0 outside of claims. I4 counters equal the bits' counts.
// Threads.    The owner's lock. No system call, no allocation: the tables are given.
// Fails.      count 0 when no run is long enough; the owner grows and tries again.
// Cost.       In a pending chunk: the words of one cache line. Else one summary and a short path.
// Go.         pageAlloc in mpagealloc.go; same answers, but there each change updates the tree.
// Tests.      page_allocator_test.cc; script_test.cc against tests/models/page_model.h.
#pragma once

#include <algorithm>

#include "base/units.h"
#include "layout/geometry.h"
#include "pages/chunk_ranges.h"
#include "pages/page_cache.h"
#include "pages/page_chunk.h"
#include "pages/page_run.h"
#include "pages/scavenge_candidate.h"
#include "pages/scavenge_index.h"
#include "pages/summary_tree.h"

namespace spanheap {

// Memory for the allocator's tables, all zero. Of arrays by chunk only the parts of grown chunks
// need be accessible (leaves: with their neighbours in a block of eight).
struct PageAllocatorTables {
  SummaryShape shape;
  PageChunk* chunks = nullptr;
  RunSummary* upper = nullptr;   // shape.UpperEntries()
  RunSummary* leaves = nullptr;  // shape.LeafEntries()
  ScavengeIndex::Record* records = nullptr;
  ChunkRange* ranges = nullptr;
  size_t range_capacity = 0;
};

class PageAllocator {
 public:
  static constexpr PageIndex kNone{~uint32_t{0}};
  static constexpr unsigned kHugeScan = 1024;
  static constexpr unsigned kTableScan = 64;

  struct Counts {
    uint64_t grown = 0;      // pages
    uint64_t free = 0;       // of these: neither used, nor in a cache, nor claimed
    uint64_t scavenged = 0;  // not backed: of the free ones, and of those claimed with their tables
    uint64_t claimed = 0;    // between a Claim... and the Finish... that belongs to it
  };

  constexpr PageAllocator() = default;
  void Init(const PageAllocatorTables& tables, ReleaseUnits units);

  // The chunks were not there before: their pages are free, not backed, and read as zero if
  // `zeroed`. False: too many separate ranges.
  bool Grow(ChunkRange chunks, bool zeroed);
  // The same for one chunk, with these pages used and these of the others not backed.
  bool GrowWith(ChunkIndex c, const PageBitmap& used, const PageBitmap& scavenged);
  // Wholly free chunks are taken out again. False: too many separate ranges.
  bool Shrink(ChunkRange chunks);
  // The highest range of wholly free chunks, `at_most` long; empty: there is none.
  ChunkRange FindFreeChunks(Count at_most) const;

  // The lowest run of n >= 1 free pages.
  PageRun Allocate(Pages n);
  // Where that run would be; kNone: nowhere. Nothing is taken.
  PageIndex FindRun(Pages n);
  // The same two among those runs that begin at a place of `alignment`. Each chunk with a long
  // enough run costs a look at its bitmap: after `most_looks` of them in vain, kNone.
  static constexpr unsigned kAnyLooks = ~0U;
  PageRun AllocateAligned(Pages n, PageAlignment alignment);
  PageIndex FindAligned(Pages n, PageAlignment alignment, unsigned most_looks);
  // The lowest free page; kNone: there is none.
  PageIndex LowestFree() const;
  // Exactly these pages, if all are free.
  PageRun AllocateAt(PageIndex first, Pages n);
  // The pages are used (AllUsed) and become free.
  void Free(PageIndex first, Pages n);

  // The free pages of the 64-page block with the lowest free page; free == 0 if there is none.
  PageBlock TakeBlock();
  // Pages of a taken block that are free again, with what is known of them.
  void ReturnBlock(const PageBlock& block);

  // Takes free, backed pages out to give them back to the OS; about `at_most` of the highest chunk
  // that may be taken. After the system call put them back, released or not.
  PageRun ClaimForRelease(uint32_t at_most, bool force);
  // The same, but a whole huge page with backed pages, in the highest chunk at or below `from`.
  // Looks at kHugeScan chunks at most. On return `from` is where to go on; 0: there is no more.
  PageRun ClaimHugePage(ChunkIndex& from, bool force);
  void FinishRelease(PageRun run, bool released, bool zeroed);
  // Takes the next group of `group` chunks, or else a part of one, `part` chunks, out, whose pages
  // are all free and not backed but were used once: so that what tables say of them can go. (Both
  // are powers of two, and what is taken is aligned to its length.) From the highest chunk that was
  // given back since the last search down; looks at kTableScan parts at most. False: none;
  // has_loose_tables tells whether to go on.
  bool ClaimTables(Count group, Count part, ChunkRange& chunks);
  void FinishTables(ChunkRange chunks);
  bool has_loose_tables() const { return loose_.value != 0; }
  // Counts pages as given back, `at_most` or a few more, highest first; for callers without an OS.
  uint64_t Scavenge(uint64_t at_most);

  bool AllUsed(PageIndex first, Pages n) const;
  bool AllFree(PageIndex first, Pages n) const;
  // How many of these grown pages are not backed.
  Pages ScavengedIn(PageIndex first, Pages n) const;
  const ChunkRanges& grown() const { return grown_; }
  const PageChunk& Chunk(ChunkIndex c) const { return chunks_[c.value]; }
  const Counts& counts() const { return counts_; }
  // How many more pages than now were used at some time since the last call of this. (Chunks that
  // were grown since then count, too.)
  uint64_t TakeSwing();
  void NextGeneration() { index_.NextGeneration(); }

  // Computes the pending summaries. The tree is exact afterwards.
  void Propagate();
  RunSummary Summary(unsigned level, uint32_t entry);

  // Aborts if an invariant is broken. Returns the number of used pages (caches and claims count).
  uint64_t Verify();

 private:
  friend struct RootRecord;  // its layout is described to tools
  // Chunks whose summaries may wait: a run across a border and its free touch two, a busy pair of
  // places twice that. More would only be computed together later.
  static constexpr unsigned kMostPending = 4;

  bool IsPending(ChunkIndex c) const {
    for (unsigned i = 0; i < pending_count_; ++i) {
      if (pending_[i] == c) return true;
    }
    return false;
  }
  void Touch(ChunkIndex c);           // its bitmap changes, its summary will have to follow
  bool TouchAll(ChunkRange chunks);   // false: too many to be pending; nothing is, then
  void SetLeaves(ChunkRange chunks);  // computes these summaries and what follows from them
  PageIndex FindInSearchChunk(Pages n);
  bool RaiseSearch();  // to the lowest free page; false: there is none
  PageRun Take(PageIndex first, Pages n);
  void TakeInChunk(ChunkIndex c, unsigned from, unsigned n, PageRun& run);
  uint64_t FreeOrClaimed() const { return counts_.free + counts_.claimed; }
  void NoteTaken() { least_free_ = std::min(least_free_, FreeOrClaimed()); }
  void LowerSearch(PageIndex p) {
    if (p < search_) search_ = p;
  }
  PageRun Claim(ChunkIndex c, ScavengeCandidate candidate);
  bool IsLoose(ChunkRange chunks) const;
  void HideFreeChunks(ChunkRange chunks);
  void VerifyChunk(ChunkIndex c, Counts& sums) const;

  PageChunk* chunks_ = nullptr;
  ScavengeIndex index_;
  SummaryTree tree_;
  ChunkRanges grown_;
  PageIndex search_ = kNone;  // I1
  unsigned pending_count_ = 0;
  ChunkIndex pending_[kMostPending];  // I2
  ReleaseUnits units_;
  Counts counts_;
  uint64_t least_free_ = 0;  // pages, since the last TakeSwing
  ChunkIndex loose_;         // from here down ClaimTables searches; 0: nowhere
};

}  // namespace spanheap
