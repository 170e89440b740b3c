// SPDX-License-Identifier: MIT
//
// ClassGeometry: the shape of one size class, and the arithmetic that every class table is built
// from and checked with. Two tables use it: malloc_classes.h and collected_classes.h.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.h"
#include "layout/geometry.h"

namespace spanheap {

struct ClassGeometry {
  uint32_t block_bytes = 0;  // size of one slot
  uint32_t span_pages = 0;   // pages of a span of this class
  uint32_t slots = 0;        // slots in a span
  uint32_t magic = 0;        // for SlotAt
};

// floor(offset / block_bytes) is (offset * magic) >> 32 for every offset within a span.
constexpr uint32_t DivisionMagic(uint32_t block_bytes) { return ~uint32_t{0} / block_bytes + 1; }
constexpr uint32_t SlotAt(uint32_t offset, uint32_t magic) {
  return static_cast<uint32_t>((uint64_t{offset} * magic) >> 32);
}

consteval ClassGeometry MakeGeometry(uint32_t block_bytes, uint32_t span_pages) {
  const uint32_t span_bytes = span_pages << kPageShift;
  return {block_bytes, span_pages, span_bytes / block_bytes, DivisionMagic(block_bytes)};
}

// True if SlotAt is exact at every slot boundary of the class and one byte before each.
consteval bool MagicIsExact(const ClassGeometry& g) {
  const uint32_t span_bytes = g.span_pages << kPageShift;
  for (uint32_t offset = 0; offset <= span_bytes; offset += g.block_bytes) {
    if (SlotAt(offset, g.magic) != offset / g.block_bytes) return false;
    if (offset > 0 && SlotAt(offset - 1, g.magic) != (offset - 1) / g.block_bytes) return false;
  }
  return SlotAt(span_bytes, g.magic) == span_bytes / g.block_bytes;
}

// Bytes of a span that no slot covers.
constexpr uint32_t TailBytes(const ClassGeometry& g) {
  return (g.span_pages << kPageShift) - g.slots * g.block_bytes;
}

}  // namespace spanheap
