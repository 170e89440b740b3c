// SPDX-License-Identifier: MIT
//
// ChunkRanges: a set of chunks as a sorted array of ranges [begin, end).
//
// Invariants. Ranges are not empty, do not overlap, do not touch.
// Threads.    Guarded by whoever owns it.
// Fails.      Add and Remove return false when the array is full; nothing has changed then.
// Cost.       Binary search to look up, a move of the array's tail to change.
// Go.         addrRanges in mranges.go, with chunk numbers in place of addresses.
// Tests.      tests/pages/chunk_ranges_test.cc.
#pragma once

#include <cstddef>

#include "base/units.h"

namespace spanheap {

struct ChunkRange {
  ChunkIndex begin;
  ChunkIndex end;

  constexpr Count size() const { return end - begin; }
  constexpr bool operator==(const ChunkRange&) const = default;
};

class ChunkRanges {
 public:
  constexpr ChunkRanges() = default;
  constexpr ChunkRanges(ChunkRange* storage, size_t capacity)
      : ranges_(storage), capacity_(capacity) {}

  // Adds chunks of which none is there yet; joins with neighbours.
  bool Add(ChunkRange r);
  // Removes chunks that are all there.
  bool Remove(ChunkRange r);

  bool Contains(ChunkIndex c) const;
  // True if every chunk of r is there.
  bool Covers(ChunkRange r) const;
  // The lowest chunk >= c that is there; `none` if there is none.
  ChunkIndex FirstAtOrAfter(ChunkIndex c, ChunkIndex none) const;

  // The highest range that begins at or below c; an empty one at 0 if there is none.
  ChunkRange LastStartingAtOrBefore(ChunkIndex c) const;

  const ChunkRange* begin() const { return ranges_; }
  const ChunkRange* end() const { return ranges_ + count_; }
  size_t count() const { return count_; }
  bool is_full() const { return count_ == capacity_; }

  // Aborts if an invariant is broken.
  void Verify() const;

 private:
  friend struct RootRecord;               // its layout is described to tools
  size_t IndexAfter(ChunkIndex c) const;  // of the first range whose begin is > c
  void Insert(size_t at, ChunkRange r);
  void Erase(size_t at);

  ChunkRange* ranges_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

}  // namespace spanheap
