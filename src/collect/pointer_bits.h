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
#include <array>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/platform.h"
#include "base/units.h"
#include "layout/geometry.h"
#include "spanheap/detail/take_slot.h"

namespace spanheap::collected {

namespace detail {
consteval auto MakeMultiples() {
  std::array<uint64_t, 65> multiples{};
  for (unsigned step = 1; step <= 64; ++step) {
    multiples[step] = spanheap::detail::MultiplesOf(step);
  }
  return multiples;
}
// By n: bits 0, n, 2 * n, ... 1 to 64.
inline constexpr std::array<uint64_t, 65> kMultiples = MakeMultiples();
}  // namespace detail

// The bits of elements of `words` words each, whose own are the lowest of `bits`, one behind the
// other in a slot of `slot_words` words. More elements than there are do no harm: behind the last
// one a slot is zero. So arrays of a kind have the same bits, however many elements they have.
SPANHEAP_ALWAYS_INLINE uint64_t RepeatBits(uint64_t bits, unsigned words, unsigned slot_words) {
  return (bits & LowBits(words)) * detail::kMultiples[words] & LowBits(slot_words);
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

// Those of `slots` slots from `first` on, each with `bits`; 64 words at a time.
inline void FillPointerBits(Atomic<uint64_t>* page, const char* first, uint32_t block_bytes,
                            unsigned slots, uint64_t bits) {
  const unsigned words = block_bytes / 8;
  const unsigned rest = 64 % words;
  const uint64_t pattern = (bits & LowBits(words)) * detail::kMultiples[words];
  auto at = static_cast<unsigned>(AddressOf(first).value % kPageSize.value / 8);
  unsigned begun = 0;  // words of a slot that lie before `at`
  for (unsigned left = slots * words; left != 0;) {
    const unsigned here = std::min(left, 64 - at % 64);
    // In 64 words is no whole number of slots: the pattern's end goes on at `rest`.
    const uint64_t more = begun == 0 ? 0 : pattern >> rest << (64 - begun);
    const uint64_t these = pattern >> begun | more;
    Atomic<uint64_t>& word = page[at / 64];
    const uint64_t range = LowBits(here) << (at % 64);
    // Relaxed, both: as above.
    const uint64_t others = here == 64 ? 0 : word.LoadRelaxed() & ~range;
    word.StoreRelaxed(others | (these << (at % 64) & range));
    at += here;
    left -= here;
    begun = (begun + here) % words;
  }
}

}  // namespace spanheap::collected
