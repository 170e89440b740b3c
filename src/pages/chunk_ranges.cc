// SPDX-License-Identifier: MIT
#include "pages/chunk_ranges.h"

#include "base/check.h"
#include "base/platform.h"

namespace spanheap {

size_t ChunkRanges::IndexAfter(ChunkIndex c) const {
  size_t low = 0;
  size_t high = count_;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (ranges_[middle].begin > c) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

void ChunkRanges::Insert(size_t at, ChunkRange r) {
  for (size_t i = count_; i > at; --i) ranges_[i] = ranges_[i - 1];
  ranges_[at] = r;
  ++count_;
}

void ChunkRanges::Erase(size_t at) {
  --count_;
  for (size_t i = at; i < count_; ++i) ranges_[i] = ranges_[i + 1];
}

SPANHEAP_AT_START bool ChunkRanges::Add(ChunkRange r) {
  const size_t at = IndexAfter(r.begin);
  const bool joins_lower = at > 0 && ranges_[at - 1].end == r.begin;
  const bool joins_upper = at < count_ && ranges_[at].begin == r.end;
  SPANHEAP_DCHECK(at == 0 || ranges_[at - 1].end <= r.begin);
  SPANHEAP_DCHECK(at == count_ || ranges_[at].begin >= r.end);
  if (joins_lower && joins_upper) {
    ranges_[at - 1].end = ranges_[at].end;
    Erase(at);
  } else if (joins_lower) {
    ranges_[at - 1].end = r.end;
  } else if (joins_upper) {
    ranges_[at].begin = r.begin;
  } else {
    if (is_full()) return false;
    Insert(at, r);
  }
  return true;
}

bool ChunkRanges::Remove(ChunkRange r) {
  SPANHEAP_CHECK(Covers(r));
  const size_t at = IndexAfter(r.begin) - 1;
  const ChunkRange whole = ranges_[at];
  const bool keeps_lower = whole.begin < r.begin;
  const bool keeps_upper = r.end < whole.end;
  if (keeps_lower && keeps_upper) {
    if (is_full()) return false;
    Insert(at + 1, {r.end, whole.end});
    ranges_[at].end = r.begin;
  } else if (keeps_lower) {
    ranges_[at].end = r.begin;
  } else if (keeps_upper) {
    ranges_[at].begin = r.end;
  } else {
    Erase(at);
  }
  return true;
}

bool ChunkRanges::Contains(ChunkIndex c) const {
  const size_t at = IndexAfter(c);
  return at > 0 && c < ranges_[at - 1].end;
}

bool ChunkRanges::Covers(ChunkRange r) const {
  const size_t at = IndexAfter(r.begin);
  return at > 0 && r.end <= ranges_[at - 1].end;
}

ChunkIndex ChunkRanges::FirstAtOrAfter(ChunkIndex c, ChunkIndex none) const {
  const size_t at = IndexAfter(c);
  if (at > 0 && c < ranges_[at - 1].end) return c;
  return at < count_ ? ranges_[at].begin : none;
}

ChunkRange ChunkRanges::LastStartingAtOrBefore(ChunkIndex c) const {
  const size_t at = IndexAfter(c);
  return at > 0 ? ranges_[at - 1] : ChunkRange{};
}

void ChunkRanges::Verify() const {
  for (size_t i = 0; i < count_; ++i) {
    SPANHEAP_CHECK(ranges_[i].begin < ranges_[i].end);
    SPANHEAP_CHECK(i == 0 || ranges_[i - 1].end < ranges_[i].begin);
  }
}

}  // namespace spanheap
