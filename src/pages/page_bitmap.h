// SPDX-License-Identifier: MIT
//
// PageBitmap: one bit for each of a chunk's 512 pages, and the searches in them.
//
// Picture.    word 0 bit 0 is the chunk's first page; eight words fill a cache line.
// Cost.       Range operations touch the words of the range; a search reads each word once.
// Go.         pageBits, pallocBits in mpallocbits.go.
// Tests.      tests/pages/page_bitmap_test.cc against tests/models/slow_bitmap.h.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/bits.h"
#include "base/count_ones.h"
#include "base/platform.h"
#include "layout/geometry.h"
#include "pages/page_run.h"
#include "pages/run_summary.h"

namespace spanheap {

// The lowest position of n set bits in a row in `bits`; 64 if there is none. n in 1..64.
// A run shrinks by as many bits as each shift-and takes off its top; what is left marks run starts.
constexpr unsigned FindRunOfOnes(uint64_t bits, unsigned n) {
  unsigned to_shrink = n - 1;
  for (unsigned step = 1; to_shrink > 0 && bits != 0; step *= 2) {
    const unsigned by = std::min(to_shrink, step);
    bits &= bits >> by;
    to_shrink -= by;
  }
  return static_cast<unsigned>(std::countr_zero(bits));
}

struct alignas(kCacheLine) PageBitmap {
  static constexpr unsigned kBits = kChunkPages.value;
  static constexpr unsigned kWords = kBits / 64;
  static constexpr unsigned kNone = kBits;

  uint64_t words[kWords] = {};

  bool Test(unsigned i) const { return (words[i / 64] >> (i % 64) & 1) != 0; }
  void SetRange(unsigned from, unsigned n) {
    ForWords(from, n, [this](unsigned w, uint64_t mask) { words[w] |= mask; });
  }
  void ClearRange(unsigned from, unsigned n) {
    ForWords(from, n, [this](unsigned w, uint64_t mask) { words[w] &= ~mask; });
  }
  unsigned CountRange(unsigned from, unsigned n) const {
    unsigned count = 0;
    ForWords(from, n, [&](unsigned w, uint64_t mask) {
      const uint64_t set = words[w] & mask;
      count += CountOnes(set);
    });
    return count;
  }
  bool AllSet(unsigned from, unsigned n) const {
    uint64_t missing = 0;
    ForWords(from, n, [&](unsigned w, uint64_t mask) { missing |= ~words[w] & mask; });
    return missing == 0;
  }
  bool NoneSet(unsigned from, unsigned n) const {
    uint64_t present = 0;
    ForWords(from, n, [&](unsigned w, uint64_t mask) { present |= words[w] & mask; });
    return present == 0;
  }
  unsigned Count() const { return CountRange(0, kBits); }

  // Searches read set bits as used, clear bits as free. `from` says that nothing below it is free.

  struct Found {
    unsigned at = kNone;          // start of the run; kNone: there is none
    unsigned first_free = kNone;  // the lowest free page; kNone: there is none
  };
  // The lowest run of n free pages. n in 1..512.
  Found FindFree(unsigned n, unsigned from) const;
  // The lowest free page.
  unsigned FindFirstFree(unsigned from) const {
    for (unsigned w = from / 64; w < kWords; ++w) {
      if (~words[w] != 0) return w * 64 + static_cast<unsigned>(std::countr_one(words[w]));
    }
    return kNone;
  }
  // Free pages at the low end, in the longest run, at the high end.
  RunSummary Summarize() const;

 private:
  // Calls visit(word number, mask of the bits of [from, from + n) in it).
  template <class Visit>
  static void ForWords(unsigned from, unsigned n, Visit visit) {
    unsigned word = from / 64;
    unsigned bit = from % 64;
    while (n > 0) {
      const unsigned here = std::min(n, 64 - bit);
      visit(word, BitRange(bit, here));
      n -= here;
      bit = 0;
      ++word;
    }
  }

  Found FindShort(unsigned n, unsigned from) const;
  Found FindLong(unsigned n, unsigned from) const;
};

// The lowest run of n >= 1 free pages that begins at a place of `alignment`; kNone: there is none.
unsigned FindFreeAligned(const PageBitmap& bits, uint64_t n, PageAlignment alignment);

}  // namespace spanheap
