// SPDX-License-Identifier: MIT
//
// Span: the record of a run of pages cut into slots of one size. One cache line, outside the pages.
//
// Idea.       A bit per slot, 1 = in somebody's hands (program or thread cache). Only the holder
//             sets bits, anyone clears them. Bits past the last slot are set for ever, so that a
//             word can be searched without a mask. Up to 64 slots the bits live in the record.
// Invariants. S1 set bits (without the padding) + free count = slots, when nobody is mid-call.
//             S2 every page of a live span maps to its record and class. S3 a record is never
//             unmapped, so that a late look at a released span reads stale numbers, never a fault.
// Threads.    Geometry is constant while the span lives, written before its pages are published.
//             The link fields belong to the central list's lock.
// Go.         mheap.go mspan, without sweep state.
// Tests.      tests/spans/span_test.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/platform.h"
#include "base/units.h"
#include "layout/size_class.h"
#include "spans/ownership_word.h"
#include "sync/alone.h"

namespace spanheap {

enum class SpanState : uint8_t {
  kUnused,  // a record without pages
  kSmall,   // cut into slots of a malloc class
  kSolo,    // one block with a record of its own: sampled for the allocation profile
};

struct alignas(kCacheLine) Span {
  OwnershipWord ownership;
  Atomic<uint64_t>* bits = nullptr;  // (slots + 63) / 64 words
  Atomic<uint64_t> inline_bits;      // what `bits` points to when slots <= 64
  PageIndex first;
  uint32_t magic = 0;        // DivisionMagic(block_bytes)
  uint32_t block_bytes = 0;  // size of a slot; kSolo: of the block's pages
  uint16_t slots = 0;
  uint8_t malloc_class = 0;  // kSolo: 0
  Atomic<SpanState> state;
  uint32_t pages = 0;
  uint8_t bits_order = 0;  // outside bits: log2 of the words at `bits`
  // The scavenger's: 0: slots were taken since it last looked; else see scavenge/hole_sweep.h.
  Atomic<uint8_t> age;
  // malloc_class << 8 | 1 + queue of that class's central list while linked there; 0 = not linked.
  // Written under that list's lock: whoever holds it and finds its class here knows it stays so.
  Atomic<uint16_t> link;
  // SpanQueue links, record numbers, guarded by the central list's lock.
  uint32_t child = 0;
  uint32_t sibling = 0;
  uint32_t previous = 0;
  // A bit per OS page of the span (spans/span_holes.h): given back, no slot of it taken since.
  // Written by the holder.
  Atomic<uint32_t> holes;

  // Sets or clears bits of one word; returns the word as it was.
  uint64_t SetBits(uint32_t word, uint64_t mask) {
    if (!IsAlone()) return bits[word].FetchOr(mask);
    const uint64_t before = bits[word].LoadRelaxed();  // relaxed: nobody else is there
    bits[word].StoreRelaxed(before | mask);
    return before;
  }
  uint64_t ClearBits(uint32_t word, uint64_t mask) {
    if (!IsAlone()) return bits[word].FetchAnd(~mask);
    const uint64_t before = bits[word].LoadRelaxed();  // relaxed: nobody else is there
    bits[word].StoreRelaxed(before & ~mask);
    return before;
  }
  uint32_t word_count() const { return (uint32_t{slots} + 63) / 64; }
  // Bits of the last word that stand for no slot.
  uint64_t padding() const { return slots % 64 == 0 ? 0 : ~LowBits(slots % 64); }
};
static_assert(sizeof(Span) == kCacheLine);

}  // namespace spanheap
