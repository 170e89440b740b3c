// SPDX-License-Identifier: MIT
//
// ScavengeIndex: where pages are that could be given back to the OS, and which had better be kept.
//
// Idea.       A record per chunk counts its used pages now and when its last generation began. A
//             generation is a stretch of the heap's life. Chunks that were nearly full in this
//             generation or the one before will be full again: the background leaves them alone.
//             A forced search takes every chunk that has a free page not given back.
// Invariants. Above the cursor of a kind of search there is no chunk that it would take. used is
//             the number of used bits of the chunk, but for pages on their way back to the OS.
// Threads.    The owner's lock.
// Cost.       Alloc and Free: one line. Find: from the cursor down over chunks without candidates;
//             it lowers the cursor as it goes.
// Go.         scavengeIndex of mgcscavenge.go since 1.21; there the search needs no lock.
// Tests.      tests/pages/scavenge_index_test.cc.
#pragma once

#include "base/units.h"
#include "layout/geometry.h"
#include "pages/chunk_ranges.h"

namespace spanheap {

class ScavengeIndex {
 public:
  // A chunk as full as this is dense: 31/32. Higher gives back more, to be faulted in again sooner.
  static constexpr uint32_t kDensePages = kChunkPages.value * 31 / 32;

  struct Record {
    uint16_t used = 0;              // used pages now
    uint16_t used_before : 13 = 0;  // used pages when this record's generation began
    uint16_t has_tables : 1 = 0;    // its pages may stand in the tables by page number
    uint16_t refused : 1 = 0;       // the OS would not take its pages back in this generation
    uint16_t has_free : 1 = 0;      // may have a page to give back
    uint32_t generation = 0;        // of the last change
  };
  static_assert(sizeof(Record) == 8);

  constexpr ScavengeIndex() = default;
  // One zero record per chunk.
  void Init(Record* records) { records_ = records; }

  // The chunk was grown: all of it is free and nothing of it is backed.
  void Grow(ChunkIndex c);
  // n of its pages became used.
  void Allocate(ChunkIndex c, uint32_t n);
  // n >= 1 of its pages became free and may be backed.
  void Free(ChunkIndex c, uint32_t n);
  // Nothing of it can be given back before the next Free.
  void SetEmpty(ChunkIndex c) { records_[c.value].has_free = 0; }
  // It may have a page to give back.
  void SetFree(ChunkIndex c);
  // It has pages to give back after all: the OS refused them (they are locked). It is left alone
  // until something of it is freed or the generation ends.
  void SetRefused(ChunkIndex c);
  // A new generation: what was freed in the one that ends may now be given back unforced.
  void NextGeneration();

  // The highest chunk with something to give back that this kind of search may take; 0: none.
  // Only records of `grown` chunks are looked at.
  ChunkIndex Find(bool force, const ChunkRanges& grown);

  // A page of it was used since the last ClearTables.
  bool HasTables(ChunkIndex c) const { return records_[c.value].has_tables != 0; }
  void ClearTables(ChunkIndex c) { records_[c.value].has_tables = 0; }

  bool MayTake(ChunkIndex c, bool force) const { return MayTake(records_[c.value], force); }
  const Record& At(ChunkIndex c) const { return records_[c.value]; }
  uint32_t generation() const { return generation_; }
  // Aborts if a chunk above the cursor would be taken.
  void Verify(const ChunkRanges& grown) const;

 private:
  friend struct RootRecord;  // its layout is described to tools
  void Touch(Record& r) const;
  bool MayTake(const Record& r, bool force) const;

  Record* records_ = nullptr;
  uint32_t generation_ = 1;
  ChunkIndex force_cursor_;       // 0: nothing left
  ChunkIndex background_cursor_;  // 0: nothing left
  ChunkIndex freed_high_;         // highest chunk with a Free in this generation
  ChunkIndex refused_high_;       // highest chunk refused in this generation
};

}  // namespace spanheap
