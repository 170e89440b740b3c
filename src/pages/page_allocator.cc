// SPDX-License-Identifier: MIT
#include "pages/page_allocator.h"

#include <algorithm>

#include "base/check.h"
#include "base/count_ones.h"
#include "base/platform.h"

namespace spanheap {
namespace {

struct Piece {
  ChunkIndex chunk;
  unsigned from;
  unsigned count;
};

// Calls visit(piece) for the part of [first, first + n) in each chunk.
template <class Visit>
void ForPieces(PageIndex first, Pages n, Visit visit) {
  while (n.value > 0) {
    const unsigned from = PageInChunk(first);
    const unsigned here = std::min(n.value, kChunkPages.value - from);
    visit(Piece{ChunkOf(first), from, here});
    first += Pages(here);
    n -= Pages(here);
  }
}

ChunkRange ChunksOf(PageIndex first, Pages n) {
  return {ChunkOf(first), ChunkOf(first + (n - Pages(1))) + Count(1)};
}

ChunkRange AlignedAround(ChunkIndex c, Count length) {
  const ChunkIndex begin(static_cast<uint32_t>(RoundDown(c.value, length.value)));
  return {begin, begin + length};
}

// Also false for runs that pass the end of the page numbers.
bool IsPlausible(PageIndex first, Pages n) {
  return n.value != 0 && uint64_t{first.value} + n.value <= PageAllocator::kNone.value;
}

uint64_t& WordOf(PageBitmap& bitmap, PageIndex base) {
  return bitmap.words[PageInChunk(base) / 64];
}

}  // namespace

SPANHEAP_AT_START void PageAllocator::Init(const PageAllocatorTables& tables, ReleaseUnits units) {
  chunks_ = tables.chunks;
  index_.Init(tables.records);
  tree_.Init(tables.shape, tables.upper, tables.leaves);
  grown_ = ChunkRanges(tables.ranges, tables.range_capacity);
  units_ = units;
}

// ---- lazy summaries

void PageAllocator::Propagate() {
  for (; pending_count_ > 0; --pending_count_) {
    const ChunkIndex c = pending_[pending_count_ - 1];
    tree_.Set(c, chunks_[c.value].used.Summarize());
  }
}

void PageAllocator::Touch(ChunkIndex c) {
  if (IsPending(c)) return;
  if (pending_count_ == kMostPending) Propagate();
  pending_[pending_count_++] = c;
}

bool PageAllocator::TouchAll(ChunkRange chunks) {
  if (chunks.size().value > kMostPending) {
    Propagate();
    return false;
  }
  // Those touched first may be computed meanwhile, so what is asked of the chunks has to wait until
  // all are pending: make room for all at once.
  if (pending_count_ + chunks.size().value > kMostPending) Propagate();
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) Touch(c);
  return true;
}

void PageAllocator::SetLeaves(ChunkRange chunks) {
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) {
    tree_.SetLeafOnly(c, chunks_[c.value].used.Summarize());
  }
  tree_.Propagate(chunks.begin, chunks.end - Count(1));
}

RunSummary PageAllocator::Summary(unsigned level, uint32_t entry) {
  Propagate();
  return tree_.At(level, entry);
}

// ---- growing

bool PageAllocator::Grow(ChunkRange chunks, bool zeroed) {
  if (!grown_.Add(chunks)) return false;
  Propagate();
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) {
    PageChunk& chunk = chunks_[c.value];
    chunk.used = PageBitmap{};
    chunk.scavenged.SetRange(0, PageBitmap::kBits);
    chunk.zeroed = PageBitmap{};
    if (zeroed) chunk.zeroed.SetRange(0, PageBitmap::kBits);
    index_.Grow(c);
  }
  constexpr RunSummary kFree(kChunkPages.value, kChunkPages.value, kChunkPages.value);
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) tree_.SetLeafOnly(c, kFree);
  tree_.PropagateGrown(chunks.begin, chunks.end - Count(1));
  LowerSearch(FirstPage(chunks.begin));
  const uint64_t pages = uint64_t{chunks.size().value} << kChunkPagesShift;
  counts_.grown += pages;
  counts_.free += pages;
  counts_.scavenged += pages;
  return true;
}

bool PageAllocator::Shrink(ChunkRange chunks) {
  if (!grown_.Remove(chunks)) return false;
  Propagate();
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) {
    PageChunk& chunk = chunks_[c.value];
    SPANHEAP_CHECK(chunk.used.NoneSet(0, PageBitmap::kBits));
    counts_.scavenged -= chunk.scavenged.Count();
    tree_.SetLeafOnly(c, RunSummary());
  }
  tree_.Propagate(chunks.begin, chunks.end - Count(1));
  const uint64_t pages = uint64_t{chunks.size().value} << kChunkPagesShift;
  counts_.grown -= pages;
  counts_.free -= pages;
  if (search_ == kNone || grown_.Contains(ChunkOf(search_))) return true;
  const ChunkIndex none = ChunkOf(kNone);
  const ChunkIndex next = grown_.FirstAtOrAfter(ChunkOf(search_), none);
  search_ = next == none ? kNone : FirstPage(next);
  return true;
}

ChunkRange PageAllocator::FindFreeChunks(Count at_most) const {
  const auto is_free = [this](ChunkIndex c) {
    return chunks_[c.value].used.NoneSet(0, PageBitmap::kBits);
  };
  for (const ChunkRange* range = grown_.end(); range != grown_.begin();) {
    --range;
    ChunkIndex end = range->end;
    while (end > range->begin && !is_free(end - Count(1))) end -= Count(1);
    ChunkIndex begin = end;
    while (begin > range->begin && end - begin < at_most && is_free(begin - Count(1))) {
      begin -= Count(1);
    }
    if (begin < end) return {begin, end};
  }
  return {};
}

bool PageAllocator::GrowWith(ChunkIndex c, const PageBitmap& used, const PageBitmap& scavenged) {
  if (!Grow({c, c + Count(1)}, false)) return false;
  PageChunk& chunk = chunks_[c.value];
  chunk.used = used;
  for (unsigned w = 0; w < PageBitmap::kWords; ++w) {
    chunk.scavenged.words[w] = scavenged.words[w] & ~used.words[w];
  }
  counts_.free -= used.Count();
  counts_.scavenged -= PageBitmap::kBits - chunk.scavenged.Count();
  index_.SetFree(c);
  index_.Allocate(c, used.Count());
  Touch(c);
  return true;
}

// ---- searching

PageIndex PageAllocator::FindInSearchChunk(Pages n) {
  const ChunkIndex c = ChunkOf(search_);
  const unsigned from = PageInChunk(search_);
  if (n.value > kChunkPages.value - from) return kNone;
  if (!IsPending(c) && tree_.Leaf(c).max() < n.value) return kNone;
  const PageBitmap::Found found = chunks_[c.value].used.FindFree(n.value, from);
  if (found.first_free != PageBitmap::kNone) {
    search_ = std::max(search_, FirstPage(c) + Pages(found.first_free));
  }
  return found.at == PageBitmap::kNone ? kNone : FirstPage(c) + Pages(found.at);
}

bool PageAllocator::RaiseSearch() {
  const ChunkIndex c = ChunkOf(search_);
  if (!tree_.Leaf(c).is_full()) return true;
  const SummaryTree::Place place = tree_.Find(1, c);
  switch (place.kind) {
    case SummaryTree::Place::kNowhere:
      search_ = kNone;
      return false;
    case SummaryTree::Place::kAtPage:
      search_ = place.page;
      return true;
    case SummaryTree::Place::kInChunk:
      search_ = FirstPage(place.chunk) + Pages(chunks_[place.chunk.value].used.FindFirstFree(0));
      return true;
  }
  return false;
}

PageIndex PageAllocator::LowestFree() const {
  for (const ChunkRange& range : grown_) {
    if (search_ == kNone || range.end <= ChunkOf(search_)) continue;
    for (ChunkIndex c = std::max(range.begin, ChunkOf(search_)); c < range.end; ++c) {
      const unsigned at = chunks_[c.value].used.FindFirstFree(0);
      if (at != PageBitmap::kNone) return FirstPage(c) + Pages(at);
    }
  }
  return kNone;
}

PageIndex PageAllocator::FindRun(Pages n) {
  if (search_ == kNone) return kNone;
  // No run that begins below this chunk's own runs is free, so the first of them is the lowest.
  if (const PageIndex near = FindInSearchChunk(n); near != kNone) return near;
  Propagate();
  if (!RaiseSearch()) return kNone;
  const SummaryTree::Place place = tree_.Find(n.value, ChunkOf(search_));
  if (place.kind != SummaryTree::Place::kInChunk) {
    return place.kind == SummaryTree::Place::kAtPage ? place.page : kNone;
  }
  const unsigned at = chunks_[place.chunk.value].used.FindFree(n.value, 0).at;
  SPANHEAP_CHECK(at != PageBitmap::kNone);
  return FirstPage(place.chunk) + Pages(at);
}

PageIndex PageAllocator::FindAligned(Pages n, PageAlignment alignment, unsigned most_looks) {
  if (search_ == kNone) return kNone;
  Propagate();
  const uint64_t found =
      tree_.FindAligned(n.value, alignment, ChunkOf(search_), [&](ChunkIndex c) -> uint64_t {
        if (most_looks-- == 0) return kNone.value;
        const uint64_t base = FirstPage(c).value;
        const PageAlignment inside{alignment.pages, alignment.offset + base};
        const unsigned at = FindFreeAligned(chunks_[c.value].used, n.value, inside);
        return at == PageBitmap::kNone ? SummaryTree::kNowhere : base + at;
      });
  return found == SummaryTree::kNowhere ? kNone : PageIndex(static_cast<uint32_t>(found));
}

// ---- taking and freeing

void PageAllocator::TakeInChunk(ChunkIndex c, unsigned from, unsigned n, PageRun& run) {
  PageChunk& chunk = chunks_[c.value];
  SPANHEAP_DCHECK(chunk.used.NoneSet(from, n));
  run.scavenged += Pages(chunk.scavenged.CountRange(from, n));
  run.zeroed = run.zeroed && chunk.zeroed.AllSet(from, n);
  chunk.used.SetRange(from, n);
  chunk.scavenged.ClearRange(from, n);
  chunk.zeroed.ClearRange(from, n);
  index_.Allocate(c, n);
}

PageRun PageAllocator::Take(PageIndex first, Pages n) {
  PageRun run{first, n, Pages(0), true};
  const ChunkRange chunks = ChunksOf(first, n);
  const bool is_pending = TouchAll(chunks);
  ForPieces(first, n, [&](Piece p) { TakeInChunk(p.chunk, p.from, p.count, run); });
  if (!is_pending) SetLeaves(chunks);
  counts_.free -= n.value;
  counts_.scavenged -= run.scavenged.value;
  NoteTaken();
  return run;
}

PageRun PageAllocator::Allocate(Pages n) {
  const PageIndex first = FindRun(n);
  return first == kNone ? PageRun{} : Take(first, n);
}

PageRun PageAllocator::AllocateAligned(Pages n, PageAlignment alignment) {
  const PageIndex first = FindAligned(n, alignment, kAnyLooks);
  return first == kNone ? PageRun{} : Take(first, n);
}

PageRun PageAllocator::AllocateAt(PageIndex first, Pages n) {
  return AllFree(first, n) ? Take(first, n) : PageRun{};
}

void PageAllocator::Free(PageIndex first, Pages n) {
  const ChunkRange chunks = ChunksOf(first, n);
  const bool is_pending = TouchAll(chunks);
  ForPieces(first, n, [&](Piece p) {
    chunks_[p.chunk.value].used.ClearRange(p.from, p.count);
    index_.Free(p.chunk, p.count);
  });
  if (!is_pending) SetLeaves(chunks);
  LowerSearch(first);
  counts_.free += n.value;
}

bool PageAllocator::AllUsed(PageIndex first, Pages n) const {
  if (!IsPlausible(first, n) || !grown_.Covers(ChunksOf(first, n))) return false;
  bool all = true;
  ForPieces(first, n,
            [&](Piece p) { all = all && chunks_[p.chunk.value].used.AllSet(p.from, p.count); });
  return all;
}

Pages PageAllocator::ScavengedIn(PageIndex first, Pages n) const {
  Pages scavenged;
  ForPieces(first, n, [&](Piece p) {
    scavenged += Pages(chunks_[p.chunk.value].scavenged.CountRange(p.from, p.count));
  });
  return scavenged;
}

bool PageAllocator::AllFree(PageIndex first, Pages n) const {
  if (!IsPlausible(first, n) || !grown_.Covers(ChunksOf(first, n))) return false;
  bool all = true;
  ForPieces(first, n,
            [&](Piece p) { all = all && chunks_[p.chunk.value].used.NoneSet(p.from, p.count); });
  return all;
}

// ---- blocks for page caches

PageBlock PageAllocator::TakeBlock() {
  const PageIndex lowest = FindRun(Pages(1));
  if (lowest == kNone) return {};
  const PageIndex base(static_cast<uint32_t>(RoundDown(lowest.value, kPagesPerWord.value)));
  const ChunkIndex c = ChunkOf(base);
  PageChunk& chunk = chunks_[c.value];
  Touch(c);
  PageBlock block{base, ~WordOf(chunk.used, base), 0, 0};
  block.scavenged = WordOf(chunk.scavenged, base) & block.free;
  block.zeroed = WordOf(chunk.zeroed, base) & block.free;
  WordOf(chunk.used, base) = ~uint64_t{0};
  WordOf(chunk.scavenged, base) = 0;
  WordOf(chunk.zeroed, base) = 0;
  const auto taken = CountOnes(block.free);
  index_.Allocate(c, taken);
  counts_.free -= taken;
  NoteTaken();
  counts_.scavenged -= CountOnes(block.scavenged);
  search_ = base + (kPagesPerWord - Pages(1));  // all of the block is used now, and all below
  return block;
}

void PageAllocator::ReturnBlock(const PageBlock& block) {
  if (block.free == 0) return;
  const ChunkIndex c = ChunkOf(block.base);
  PageChunk& chunk = chunks_[c.value];
  SPANHEAP_CHECK((WordOf(chunk.used, block.base) & block.free) == block.free);
  Touch(c);
  WordOf(chunk.used, block.base) &= ~block.free;
  WordOf(chunk.scavenged, block.base) |= block.scavenged;
  WordOf(chunk.zeroed, block.base) |= block.zeroed;
  const auto returned = CountOnes(block.free);
  index_.Free(c, returned);
  LowerSearch(block.base);
  counts_.free += returned;
  counts_.scavenged += CountOnes(block.scavenged);
}

// ---- giving back

uint64_t PageAllocator::TakeSwing() {
  const uint64_t now = FreeOrClaimed();
  const uint64_t least = std::min(least_free_, now);
  least_free_ = now;
  return now - least;
}

PageRun PageAllocator::Claim(ChunkIndex c, ScavengeCandidate candidate) {
  PageChunk& chunk = chunks_[c.value];
  Touch(c);
  PageRun run{FirstPage(c) + Pages(candidate.first), Pages(candidate.count), Pages(0), false};
  run.scavenged = Pages(chunk.scavenged.CountRange(candidate.first, candidate.count));
  chunk.used.SetRange(candidate.first, candidate.count);  // so that nobody takes them meanwhile
  counts_.free -= candidate.count;
  counts_.scavenged -= run.scavenged.value;
  counts_.claimed += candidate.count;
  return run;
}

PageRun PageAllocator::ClaimForRelease(uint32_t at_most, bool force) {
  for (;;) {
    const ChunkIndex c = index_.Find(force, grown_);
    if (c.value == 0) return {};
    const ScavengeCandidate found = FindScavengeCandidate(chunks_[c.value], at_most, units_);
    if (found.count != 0) return Claim(c, found);
    index_.SetEmpty(c);
  }
}

PageRun PageAllocator::ClaimHugePage(ChunkIndex& from, bool force) {
  const ChunkRange range = grown_.LastStartingAtOrBefore(from);
  ChunkIndex next = std::min(from + Count(1), range.end);  // one above the next to look at
  for (unsigned looked = 0; next > range.begin && looked < kHugeScan; ++looked) {
    next -= Count(1);
    if (!index_.MayTake(next, force)) continue;
    const ScavengeCandidate found = FindFreeHugePage(chunks_[next.value], units_);
    if (found.count == 0) continue;
    from = next;
    return Claim(next, found);
  }
  from = next.value == 0 ? next : next - Count(1);
  return {};
}

void PageAllocator::FinishRelease(PageRun run, bool released, bool zeroed) {
  const ChunkIndex c = ChunkOf(run.first);
  const unsigned from = PageInChunk(run.first);
  PageChunk& chunk = chunks_[c.value];
  Touch(c);
  chunk.used.ClearRange(from, run.count.value);
  if (released) {
    chunk.scavenged.SetRange(from, run.count.value);
  } else {
    index_.SetRefused(c);
  }
  if (zeroed) chunk.zeroed.SetRange(from, run.count.value);
  LowerSearch(run.first);
  if (index_.HasTables(c)) loose_ = std::max(loose_, c);
  counts_.claimed -= run.count.value;
  counts_.free += run.count.value;
  counts_.scavenged += released ? run.count.value : run.scavenged.value;
}

// All of it is free and given back, nobody is at its tables, and some of it was used.
bool PageAllocator::IsLoose(ChunkRange chunks) const {
  if (chunks.begin.value == 0 || !grown_.Covers(chunks)) return false;
  bool any = false;
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) {
    const PageChunk& chunk = chunks_[c.value];
    if (index_.At(c).used != 0 || !chunk.used.NoneSet(0, kChunkPages.value) ||
        !chunk.scavenged.AllSet(0, kChunkPages.value)) {
      return false;
    }
    any = any || index_.HasTables(c);
  }
  return any;
}

bool PageAllocator::ClaimTables(Count group, Count part, ChunkRange& chunks) {
  for (unsigned looked = 0; loose_.value != 0 && looked < kTableScan; ++looked) {
    chunks = AlignedAround(loose_, group);
    bool is_loose = IsLoose(chunks);
    if (!is_loose && part < group) {
      chunks = AlignedAround(loose_, part);
      is_loose = IsLoose(chunks);
    }
    loose_ = chunks.begin.value == 0 ? chunks.begin : chunks.begin - Count(1);
    if (!is_loose) continue;
    HideFreeChunks(chunks);
    return true;
  }
  return false;
}

// They stay counted as not backed: no more is backed meanwhile.
void PageAllocator::HideFreeChunks(ChunkRange chunks) {
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) {
    Touch(c);
    chunks_[c.value].used.SetRange(0, kChunkPages.value);
    counts_.free -= kChunkPages.value;
    counts_.claimed += kChunkPages.value;
  }
}

void PageAllocator::FinishTables(ChunkRange chunks) {
  for (ChunkIndex c = chunks.begin; c < chunks.end; ++c) {
    index_.ClearTables(c);
    Touch(c);
    chunks_[c.value].used.ClearRange(0, kChunkPages.value);
    counts_.free += kChunkPages.value;
    counts_.claimed -= kChunkPages.value;
  }
  LowerSearch(FirstPage(chunks.begin));
}

uint64_t PageAllocator::Scavenge(uint64_t at_most) {
  uint64_t released = 0;
  while (released < at_most) {
    const uint64_t left = std::min(at_most - released, uint64_t{kChunkPages.value});
    const PageRun run = ClaimForRelease(static_cast<uint32_t>(left), true);
    if (!run) break;
    FinishRelease(run, true, true);
    released += run.count.value - run.scavenged.value;
  }
  return released;
}

// ---- checking

void PageAllocator::VerifyChunk(ChunkIndex c, Counts& sums) const {
  const PageChunk& chunk = chunks_[c.value];
  for (unsigned w = 0; w < PageBitmap::kWords && counts_.claimed == 0; ++w) {
    SPANHEAP_CHECK((chunk.used.words[w] & chunk.scavenged.words[w]) == 0);
    SPANHEAP_CHECK((chunk.used.words[w] & chunk.zeroed.words[w]) == 0);
  }
  SPANHEAP_CHECK((tree_.Leaf(c) == chunk.used.Summarize()));
  if (counts_.claimed == 0) {
    SPANHEAP_CHECK(index_.At(c).used == chunk.used.Count());
    const bool has_candidate = FindScavengeCandidate(chunk, 1, units_).count != 0;
    SPANHEAP_CHECK(!has_candidate || index_.MayTake(c, true) || index_.At(c).refused != 0);
  }
  const unsigned free = chunk.used.FindFirstFree(0);
  SPANHEAP_CHECK(free == PageBitmap::kNone || FirstPage(c) + Pages(free) >= search_);
  sums.grown += kChunkPages.value;
  sums.free += kChunkPages.value - chunk.used.Count();
  sums.scavenged += chunk.scavenged.Count();
}

uint64_t PageAllocator::Verify() {
  Propagate();
  grown_.Verify();
  Counts sums;
  for (const ChunkRange& range : grown_) {
    for (ChunkIndex c = range.begin; c < range.end; ++c) VerifyChunk(c, sums);
    tree_.Verify(range.begin, range.end - Count(1));
  }
  index_.Verify(grown_);
  SPANHEAP_CHECK(search_ == kNone || grown_.Contains(ChunkOf(search_)));
  SPANHEAP_CHECK(sums.grown == counts_.grown && sums.free == counts_.free);
  SPANHEAP_CHECK(counts_.claimed != 0 || sums.scavenged == counts_.scavenged);
  return sums.grown - sums.free;
}

}  // namespace spanheap
