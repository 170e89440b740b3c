// SPDX-License-Identifier: MIT
//
// SpanTable: all span records in one array, so that four bytes name a span; and, in another, the
// bitmaps of those with more than 64 slots.
//
// Idea.       A record is one cell, a bitmap a row of cells (cell_array.h). Both come from the
//             lowest that are free, and pages of them that nobody uses any more go back.
// Invariants. Record 0 is no span. Records never move and are never unmapped; an unused one reads
//             as it was left, or as zero, which is unused, too.
// Threads.    Any.
// Fails.      Null when the OS refuses or the array is full.
// Go.         mfixalloc.go, mheap.go allspans.
// Tests.      tests/spans/span_table_test.cc.
#pragma once

#include "os/memory.h"
#include "spans/cell_array.h"
#include "spans/span.h"

namespace spanheap {

// How many records there may be, and how many cells of bitmaps: blocks of 16 bytes need two for
// each page, others that need any less.
struct SpanRoom {
  uint32_t records;
  uint32_t bit_cells = 8 * records;
};

class SpanTable {
 public:
  constexpr SpanTable() = default;

  // Reserves that room, charged to `gauge`, if any. False: the OS refuses; it may be tried again.
  bool Init(os::Memory& memory, SpanRoom room, MemoryGauge* gauge = nullptr);

  // A record with room for the bits of `slots` slots (all clear); its state is kUnused.
  Span* Allocate(uint32_t slots);
  void Free(Span* span);
  // To be called by the clock: memory of what was unused the last time and still is goes back.
  void GiveBackIdle();

  Span& At(uint32_t index) const { return spans_[index]; }
  uint32_t IndexOf(const Span* span) const { return static_cast<uint32_t>(span - spans_); }
  // Records ever used are 1 .. end() - 1.
  uint32_t end() const { return records_.end(); }
  Bytes mapped() const { return records_.mapped() + bits_.mapped(); }  // a statistic
  void ResetInChild();

 private:
  friend struct RootRecord;  // its layout is described to tools
  bool TakeBits(Span& span, uint32_t slots);

  Span* spans_ = nullptr;  // constant after Init
  CellArray records_;
  CellArray bits_;
};

}  // namespace spanheap
