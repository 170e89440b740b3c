// SPDX-License-Identifier: MIT
#include "pages/scavenge_index.h"

#include <algorithm>

#include "base/check.h"

namespace spanheap {

void ScavengeIndex::Touch(Record& r) const {
  if (r.generation == generation_) return;
  r.used_before = r.used & 0x1fff;
  r.refused = 0;
  r.generation = generation_;
}

void ScavengeIndex::Grow(ChunkIndex c) { records_[c.value] = Record{}; }

void ScavengeIndex::Allocate(ChunkIndex c, uint32_t n) {
  Record& r = records_[c.value];
  Touch(r);
  SPANHEAP_CHECK(r.used + n <= kChunkPages.value);
  r.used = static_cast<uint16_t>(r.used + n);
  r.has_tables = 1;
  if (r.used == kChunkPages.value) r.has_free = 0;
}

void ScavengeIndex::Free(ChunkIndex c, uint32_t n) {
  Record& r = records_[c.value];
  Touch(r);
  SPANHEAP_CHECK(r.used >= n);
  r.used = static_cast<uint16_t>(r.used - n);
  SetFree(c);
}

void ScavengeIndex::SetFree(ChunkIndex c) {
  records_[c.value].has_free = 1;
  records_[c.value].refused = 0;
  freed_high_ = std::max(freed_high_, c);
  force_cursor_ = std::max(force_cursor_, c);
}

void ScavengeIndex::SetRefused(ChunkIndex c) {
  Record& r = records_[c.value];
  Touch(r);
  r.has_free = 1;
  r.refused = 1;
  refused_high_ = std::max(refused_high_, c);
}

void ScavengeIndex::NextGeneration() {
  ++generation_;
  freed_high_ = std::max(freed_high_, refused_high_);
  force_cursor_ = std::max(force_cursor_, refused_high_);
  refused_high_ = ChunkIndex();
  background_cursor_ = std::max(background_cursor_, freed_high_);
  freed_high_ = ChunkIndex();
}

bool ScavengeIndex::MayTake(const Record& r, bool force) const {
  if (r.has_free == 0) return false;
  if (r.refused != 0 && r.generation == generation_) return false;
  if (force) return true;
  const bool dense_before = r.generation == generation_ && r.used_before >= kDensePages;
  return r.used < kDensePages && !dense_before;
}

ChunkIndex ScavengeIndex::Find(bool force, const ChunkRanges& grown) {
  ChunkIndex& cursor = force ? force_cursor_ : background_cursor_;
  while (cursor.value != 0) {
    const ChunkRange range = grown.LastStartingAtOrBefore(cursor);
    if (cursor >= range.end) cursor = range.end - Count(range.size().value != 0 ? 1 : 0);
    while (cursor >= range.begin && cursor.value != 0) {
      if (MayTake(records_[cursor.value], force)) return cursor;
      cursor -= Count(1);
    }
  }
  return cursor;
}

void ScavengeIndex::Verify(const ChunkRanges& grown) const {
  for (const ChunkRange& range : grown) {
    for (ChunkIndex c = std::max(range.begin, force_cursor_ + Count(1)); c < range.end; ++c) {
      SPANHEAP_CHECK(!MayTake(records_[c.value], true));
    }
  }
}

}  // namespace spanheap
