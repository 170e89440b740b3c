// SPDX-License-Identifier: MIT
#include "pages/page_bitmap.h"

namespace spanheap {
namespace {

unsigned LowZeros(uint64_t w) { return static_cast<unsigned>(std::countr_zero(w)); }
unsigned HighZeros(uint64_t w) { return static_cast<unsigned>(std::countl_zero(w)); }

// The longest run of zeros in `word` that touches neither end, if it is longer than `longest`.
unsigned LongestInside(uint64_t word, unsigned longest) {
  // Above the lowest set bit the zeros in question have a set bit on both sides.
  uint64_t x = word >> LowZeros(word);
  if ((x & (x + 1)) == 0) return longest;  // ones only
  // Widen the ones by `longest`, so that only zeros of longer runs are left.
  unsigned to_fill = longest;
  for (unsigned step = 1; to_fill > 0; step *= 2) {
    const unsigned by = std::min(to_fill, step);
    x |= x >> by;
    to_fill -= by;
    if ((x & (x + 1)) == 0) return longest;
  }
  // Each further bit of widening that leaves a zero is a bit more of the longest run.
  while ((x & (x + 1)) != 0) {
    x |= x >> 1;
    ++longest;
  }
  return longest;
}

// The first bit from `from` on that is set once `flip` was applied to each word; kNone: there is
// none.
unsigned NextSet(const PageBitmap& bits, unsigned from, uint64_t flip) {
  unsigned w = from / 64;
  uint64_t set = (bits.words[w] ^ flip) & ~LowBits(from % 64);
  while (set == 0) {
    if (++w == PageBitmap::kWords) return PageBitmap::kNone;
    set = bits.words[w] ^ flip;
  }
  return w * 64 + LowZeros(set);
}
unsigned NextUsed(const PageBitmap& bits, unsigned from) { return NextSet(bits, from, 0); }
unsigned NextFree(const PageBitmap& bits, unsigned from) {
  return NextSet(bits, from, ~uint64_t{0});
}

}  // namespace

PageBitmap::Found PageBitmap::FindFree(unsigned n, unsigned from) const {
  if (n == 1) {
    const unsigned at = FindFirstFree(from);
    return {at, at};
  }
  return n <= 64 ? FindShort(n, from) : FindLong(n, from);
}

PageBitmap::Found PageBitmap::FindShort(unsigned n, unsigned from) const {
  Found found;
  unsigned tail = 0;  // free pages at the high end of the word below
  for (unsigned w = from / 64; w < kWords; ++w) {
    const uint64_t used = words[w];
    if (~used == 0) {
      tail = 0;
      continue;
    }
    if (found.first_free == kNone) {
      found.first_free = w * 64 + static_cast<unsigned>(std::countr_one(used));
    }
    if (tail + LowZeros(used) >= n) {
      found.at = w * 64 - tail;
      return found;
    }
    const unsigned inside = FindRunOfOnes(~used, n);
    if (inside < 64) {
      found.at = w * 64 + inside;
      return found;
    }
    tail = HighZeros(used);
  }
  return found;
}

PageBitmap::Found PageBitmap::FindLong(unsigned n, unsigned from) const {
  Found found;
  unsigned start = 0;  // of the free run that reaches the current word
  unsigned size = 0;   // its length
  for (unsigned w = from / 64; w < kWords; ++w) {
    const uint64_t used = words[w];
    if (~used == 0) {
      size = 0;
      continue;
    }
    if (found.first_free == kNone) {
      found.first_free = w * 64 + static_cast<unsigned>(std::countr_one(used));
    }
    const unsigned low = LowZeros(used);
    if (size == 0) start = w * 64;
    if (size + low >= n) {
      found.at = start;
      return found;
    }
    if (used == 0) {
      size += 64;
    } else {
      size = HighZeros(used);
      start = (w + 1) * 64 - size;
    }
  }
  return found;
}

RunSummary PageBitmap::Summarize() const {
  unsigned start = kNone;
  unsigned longest = 0;
  unsigned run = 0;  // free pages that reach up to the current word
  for (const uint64_t used : words) {
    if (used == 0) {
      run += 64;
      continue;
    }
    run += LowZeros(used);
    if (start == kNone) start = run;
    longest = std::max(longest, run);
    run = HighZeros(used);
  }
  if (start == kNone) return RunSummary(kBits, kBits, kBits);
  longest = std::max(longest, run);
  // A run inside a word is at most 62 long.
  for (unsigned w = 0; w < kWords && longest < 62; ++w) {
    if (words[w] != 0) longest = LongestInside(words[w], longest);
  }
  return RunSummary(start, longest, run);
}

unsigned FindFreeAligned(const PageBitmap& bits, uint64_t n, PageAlignment alignment) {
  uint64_t at = alignment.NextAt(bits.FindFirstFree(0));
  while (at + n <= PageBitmap::kBits) {
    const unsigned used = NextUsed(bits, static_cast<unsigned>(at));
    if (used >= at + n) return static_cast<unsigned>(at);
    at = alignment.NextAt(NextFree(bits, used));
  }
  return PageBitmap::kNone;
}

}  // namespace spanheap
