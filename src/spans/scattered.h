// SPDX-License-Identifier: MIT
//
// Whether the blocks of a batch lie apart from their neighbours in it: sampled, not counted.
//
// Cost.   16 comparisons.
// Tests.  tests/spans/batch_shelf_test.cc.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace spanheap {

// True if many of 16 pairs of neighbours are more than half a span apart. A small batch never is.
inline bool IsScattered(void* const* blocks, uint32_t n) {
  constexpr uint32_t kPairs = 16;
  constexpr uint32_t kFewPairs = 2;
  constexpr uint64_t kNear = 32 << 10;
  if (n <= kPairs) return false;
  uint32_t apart = 0;
  for (uint32_t pair = 0, at = 0; pair < kPairs; ++pair, at += n / kPairs) {
    const uint64_t distance = AddressOf(blocks[at]).value - AddressOf(blocks[at + 1]).value;
    apart += static_cast<uint32_t>(distance + kNear > 2 * kNear);  // either sign
  }
  return apart > kFewPairs;
}

}  // namespace spanheap
