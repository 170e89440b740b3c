// SPDX-License-Identifier: MIT
//
// Words of bits and powers of two: the arithmetic that bitmaps and tables are made of.
#pragma once

#include <bit>
#include <cstdint>

#include "base/count_ones.h"
#include "base/units.h"

namespace spanheap {

constexpr bool IsPowerOfTwo(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }
constexpr uint64_t RoundUp(uint64_t n, uint64_t power_of_two) {
  return (n + power_of_two - 1) & ~(power_of_two - 1);
}
constexpr uint64_t RoundDown(uint64_t n, uint64_t power_of_two) { return n & ~(power_of_two - 1); }
constexpr Bytes RoundUp(Bytes n, Bytes power_of_two) {
  return Bytes(RoundUp(n.value, power_of_two.value));
}
constexpr Address RoundUp(Address a, Bytes power_of_two) {
  return Address(RoundUp(a.value, power_of_two.value));
}
constexpr Address RoundDown(Address a, Bytes power_of_two) {
  return Address(RoundDown(a.value, power_of_two.value));
}
constexpr uint64_t DivideUp(uint64_t n, uint64_t by) { return (n + by - 1) / by; }
constexpr unsigned Log2Floor(uint64_t n) {
  return 63U - static_cast<unsigned>(std::countl_zero(n));
}
constexpr unsigned Log2Ceil(uint64_t n) { return n <= 1 ? 0 : Log2Floor(n - 1) + 1; }

// The lowest `n` bits set; n in 0..64.
constexpr uint64_t LowBits(unsigned n) { return n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1; }
// Bits [from, from + n) of a word set; from + n <= 64.
constexpr uint64_t BitRange(unsigned from, unsigned n) { return LowBits(n) << from; }

// The `n` lowest set bits of `bits` (all of them if there are fewer).
constexpr uint64_t LowestSet(uint64_t bits, unsigned n) {
  if (n >= CountOnes(bits)) return bits;
  uint64_t rest = bits;
  for (unsigned i = 0; i < n; ++i) rest &= rest - 1;
  return bits & ~rest;
}

}  // namespace spanheap
