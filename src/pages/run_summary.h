// SPDX-License-Identifier: MIT
//
// RunSummary: the free runs of an aligned region of pages in three numbers, packed into one word.
//
// Picture.    bits 0..20 start (free pages at the low end), 21..41 max (the longest run), 42..62
//             end (free pages at the high end). The numbers go up to 2^21, and reach it only when a
//             whole region of 16 GiB is free: bit 63 alone says that.
// Invariants. start <= max, end <= max. 0: nothing is free.
// Go.         pallocSum in mpagealloc.go.
// Tests.      tests/pages/summary_tree_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bits.h"

namespace spanheap {

class RunSummary {
 public:
  static constexpr unsigned kFieldBits = 21;
  static constexpr uint32_t kMaxPages = uint32_t{1} << kFieldBits;

  constexpr RunSummary() = default;
  constexpr RunSummary(uint32_t start, uint32_t max, uint32_t end)
      : word_(max == kMaxPages ? kAllFree
                               : uint64_t{start} | uint64_t{max} << kFieldBits |
                                     uint64_t{end} << (2 * kFieldBits)) {}

  constexpr uint32_t start() const { return Field(0); }
  constexpr uint32_t max() const { return Field(1); }
  constexpr uint32_t end() const { return Field(2); }
  constexpr bool is_full() const { return word_ == 0; }
  constexpr bool operator==(const RunSummary&) const = default;

  // What is left to say of `count` neighbours, each 2^child_pages_log2 pages long: fewer than
  // kMaxPages, so none of them is the all-free value.
  static constexpr RunSummary Merge(const RunSummary* children, unsigned count,
                                    unsigned child_pages_log2) {
    const uint32_t whole = uint32_t{1} << child_pages_log2;
    uint32_t start = 0;
    uint32_t max = 0;
    uint32_t run = 0;  // free pages that reach up to the current child
    for (unsigned i = 0; i < count; ++i) {
      const uint64_t word = children[i].word_;
      const uint32_t child_end = Part(word, 2);
      const uint32_t joined = run + Part(word, 0);
      start = run == i * whole ? joined : start;  // all below is free
      max = std::max(max, std::max(joined, Part(word, 1)));
      run = child_end + (child_end == whole ? run : 0);
    }
    return RunSummary(start, max, run);
  }

 private:
  static constexpr uint64_t kAllFree = uint64_t{1} << 63;

  constexpr uint32_t Field(unsigned i) const {
    if ((word_ & kAllFree) != 0) [[unlikely]]
      return kMaxPages;
    return Part(word_, i);
  }
  static constexpr uint32_t Part(uint64_t word, unsigned i) {
    return static_cast<uint32_t>(word >> (i * kFieldBits)) & (kMaxPages - 1);
  }

  uint64_t word_ = 0;
};

}  // namespace spanheap
