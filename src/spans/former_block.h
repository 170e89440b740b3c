// SPDX-License-Identifier: MIT
//
// FormerBlock: what a page held before it was given up, so that a second free can be named.
//
// Idea.       When a run, a solo block or a small span ends, the entries that named its record (of
//             a run: that were unused) keep this instead, until the page belongs to a span again.
//             No table of its own, and nothing to do on a fast path.
// Invariants. Such entries have the highest bit, which record numbers do not reach.
// Tests.      tests/spans/span_heap_test.cc, tests/death/death_test.cc.
#pragma once

#include <cstdint>

#include "base/units.h"
#include "layout/malloc_classes.h"

namespace spanheap {

class FormerBlock {
 public:
  constexpr explicit FormerBlock(uint32_t entry) : entry_(entry) {}
  static constexpr FormerBlock OfRun(unsigned malloc_class) { return {malloc_class, 0}; }
  static constexpr FormerBlock OfSolo(Pages pages) { return {0, pages.value}; }
  // Of page `page` of a small span.
  static constexpr FormerBlock OfSlots(unsigned malloc_class, uint32_t page) {
    return {malloc_class, page};
  }

  // The record number in a table entry that may be one of these; 0: none.
  static constexpr uint32_t RecordIn(uint32_t entry) { return entry < kMark ? entry : 0; }

  constexpr explicit operator bool() const { return entry_ >= kMark; }
  constexpr uint32_t entry() const { return entry_; }
  constexpr unsigned malloc_class() const { return entry_ & 0xFF; }  // 0: a solo block
  // From the page back to the first one of the block or span.
  constexpr Pages to_first() const { return malloc_class() == 0 ? Pages(0) : Pages(number()); }
  // Of the block, or span.
  constexpr Pages pages() const {
    return malloc_class() == 0 ? Pages(number()) : Pages(kMallocClasses[malloc_class()].span_pages);
  }
  constexpr Bytes block_bytes() const {
    return malloc_class() == 0 ? BytesOf(pages()) : Bytes(BlockBytes(malloc_class()));
  }

 private:
  static constexpr uint32_t kMark = uint32_t{1} << 31;
  constexpr FormerBlock(unsigned malloc_class, uint32_t number)
      : entry_(kMark | number << 8 | malloc_class) {}
  constexpr uint32_t number() const { return (entry_ & ~kMark) >> 8; }

  uint32_t entry_;
};

}  // namespace spanheap
