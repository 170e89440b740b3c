// SPDX-License-Identifier: MIT
//
// The bits that say which words of a small object are pointers, written when slots are claimed, and
// again when the object that is made is another one than expected.
//
// Threads. Only the span's holder writes the bits of a page; markers read other slots' meanwhile.
// Cost.    An object of one element: a load, two masks and a store.
// Tests.   tests/collect/pointer_bits_test.cc.
#pragma once

#include <algorithm>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/platform.h"
#include "base/units.h"
#include "layout/geometry.h"

namespace spanheap::collected {

// The bits of `count` elements of `words` words each, whose own are `bits`; 64 words at most.
SPANHEAP_ALWAYS_INLINE uint64_t RepeatBits(uint64_t bits, unsigned words, unsigned count) {
  if (count == 1) return bits;
  uint64_t all = bits;
  for (unsigned there = words; there < words * count; there *= 2) all |= all << there;
  return all & LowBits(words * count);
}

// Those of the slot at `at`; `page`: the bits of its page, one for each word.
SPANHEAP_ALWAYS_INLINE void WritePointerBits(Atomic<uint64_t>* page, const char* at,
                                             uint32_t block_bytes, uint64_t bits) {
  const auto first = static_cast<unsigned>(AddressOf(at).value % kPageSize.value / 8);
  const uint64_t range = LowBits(block_bytes / 8);
  Atomic<uint64_t>* word = page + first / 64;
  const unsigned shift = first % 64;
  // Relaxed: the object is found through what is published after this.
  word->StoreRelaxed((word->LoadRelaxed() & ~(range << shift)) | bits << shift);
  if (shift + block_bytes / 8 <= 64) return;
  ++word;
  word->StoreRelaxed((word->LoadRelaxed() & ~(range >> (64 - shift))) | bits >> (64 - shift));
}

// Those of `slots` slots from `first` on, each with `bits`.
inline void FillPointerBits(Atomic<uint64_t>* page, const char* first, uint32_t block_bytes,
                            unsigned slots, uint64_t bits) {
  const unsigned words = block_bytes / 8;
  if (64 % words != 0) {
    for (unsigned i = 0; i < slots; ++i) {
      WritePointerBits(page, first + size_t{i} * block_bytes, block_bytes, bits);
    }
    return;
  }
  const uint64_t pattern = RepeatBits(bits, words, 64 / words);
  auto at = static_cast<unsigned>(AddressOf(first).value % kPageSize.value / 8);
  for (unsigned left = slots * words; left != 0;) {
    const unsigned here = std::min(left, 64 - at % 64);
    const uint64_t range = LowBits(here) << (at % 64);
    Atomic<uint64_t>& word = page[at / 64];
    word.StoreRelaxed((word.LoadRelaxed() & ~range) | (pattern & range));  // relaxed: as above
    at += here;
    left -= here;
  }
}

}  // namespace spanheap::collected
