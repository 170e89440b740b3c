// SPDX-License-Identifier: MIT
#include "pages/summary_tree.h"

#include "base/check.h"
#include "base/platform.h"

namespace spanheap {

SPANHEAP_AT_START void SummaryTree::Init(const SummaryShape& shape, RunSummary* upper,
                                         RunSummary* leaves) {
  shape_ = shape;
  leaves_ = leaves;
  for (unsigned level = 0; level + 1 < shape.levels; ++level) {
    levels_[level] = upper;
    upper += shape.entries[level];
  }
  levels_[shape.levels - 1] = leaves;
}

RunSummary SummaryTree::MergeOf(unsigned level, uint32_t entry) const {
  const RunSummary* children = levels_[level + 1] + size_t{entry} * SummaryShape::kFanOut;
  return RunSummary::Merge(children, SummaryShape::kFanOut, PagesLog2Of(level + 1));
}

void SummaryTree::Set(ChunkIndex c, RunSummary summary) {
  if (leaves_[c.value] == summary) return;
  leaves_[c.value] = summary;
  uint32_t entry = c.value;
  for (unsigned level = shape_.levels - 1; level-- > 0;) {
    entry >>= SummaryShape::kFanOutLog2;
    const RunSummary merged = MergeOf(level, entry);
    if (levels_[level][entry] == merged) return;
    levels_[level][entry] = merged;
  }
}

void SummaryTree::Propagate(ChunkIndex first, ChunkIndex last) {
  bool changed = true;
  for (unsigned level = shape_.levels - 1; changed && level-- > 0;) {
    changed = false;
    for (uint32_t e = first.value >> ShiftOf(level); e <= last.value >> ShiftOf(level); ++e) {
      const RunSummary merged = MergeOf(level, e);
      if (levels_[level][e] == merged) continue;
      levels_[level][e] = merged;
      changed = true;
    }
  }
}

void SummaryTree::PropagateGrown(ChunkIndex first, ChunkIndex last) {
  for (unsigned level = shape_.levels - 1; level-- > 0;) {
    for (uint32_t e = first.value >> ShiftOf(level); e <= last.value >> ShiftOf(level); ++e) {
      levels_[level][e] = MergeOf(level, e);
    }
  }
}

// Looks at entries [begin, end) of the block of a level: a run that spans entries and is complete
// before the first entry that holds one inside wins, or else that entry is where to descend.
SummaryTree::Scan SummaryTree::ScanBlock(unsigned level, uint32_t block, uint32_t begin,
                                         uint32_t end, uint32_t n) const {
  const uint32_t whole = uint32_t{1} << PagesLog2Of(level);
  uint64_t run = 0;  // free pages that reach up to the current entry
  Scan scan;
  for (uint32_t e = begin; e < end; ++e) {
    const RunSummary s = levels_[level][block + e];
    if (s.is_full()) {
      run = 0;
      continue;
    }
    if (run + s.start() >= n) {
      const uint64_t first = (uint64_t{block + e} << PagesLog2Of(level)) - run;
      scan.place = {Place::kAtPage, PageIndex(static_cast<uint32_t>(first)), ChunkIndex()};
      return scan;
    }
    if (s.max() >= n) {
      scan.entry = block + e;
      scan.descend = true;
      return scan;
    }
    run = s.end() == whole ? run + whole : s.end();
  }
  return scan;
}

SummaryTree::Place SummaryTree::Find(uint32_t n, ChunkIndex from) const {
  Scan scan = ScanBlock(0, 0, from.value >> ShiftOf(0), shape_.entries[0], n);
  for (unsigned level = 1; scan.descend && level < shape_.levels; ++level) {
    const uint32_t block = scan.entry << SummaryShape::kFanOutLog2;
    const uint32_t start = from.value >> ShiftOf(level);
    const uint32_t begin = start > block ? std::min(start - block, SummaryShape::kFanOut - 1) : 0;
    scan = ScanBlock(level, block, begin, SummaryShape::kFanOut, n);
    // The parent said that there is one.
    SPANHEAP_CHECK(scan.descend || scan.place.kind != Place::kNowhere);
  }
  if (!scan.descend) return scan.place;
  return {Place::kInChunk, PageIndex(), ChunkIndex(scan.entry)};
}

void SummaryTree::Verify(ChunkIndex first, ChunkIndex last) const {
  for (unsigned level = shape_.levels - 1; level-- > 0;) {
    for (uint32_t e = first.value >> ShiftOf(level); e <= last.value >> ShiftOf(level); ++e) {
      SPANHEAP_CHECK((levels_[level][e] == MergeOf(level, e)));
    }
  }
}

}  // namespace spanheap
