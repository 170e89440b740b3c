// SPDX-License-Identifier: MIT
//
// CountOnes: how many bits of a word are set, on any processor, in a dozen instructions. What the
// compiler makes of std::popcount where it cannot rely on the processor is a call and a table.
#pragma once

#include <cstdint>

namespace spanheap {

// Sums of pairs of bits, of fours, of eights; the multiplication adds up the bytes.
constexpr unsigned CountOnes(uint64_t word) {
  word -= word >> 1 & 0x5555'5555'5555'5555;
  word = (word & 0x3333'3333'3333'3333) + (word >> 2 & 0x3333'3333'3333'3333);
  word = (word + (word >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
  return static_cast<unsigned>(word * 0x0101'0101'0101'0101 >> 56);
}

}  // namespace spanheap
