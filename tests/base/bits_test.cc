// SPDX-License-Identifier: MIT
#include "base/bits.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "base/count_ones.h"

namespace spanheap {
namespace {

TEST(Bits, OnlyPowersOfTwoAreCalledSo) {
  EXPECT_FALSE(IsPowerOfTwo(0));
  EXPECT_FALSE(IsPowerOfTwo(3));
  for (unsigned i = 0; i < 64; ++i) EXPECT_TRUE(IsPowerOfTwo(uint64_t{1} << i)) << i;
}

TEST(Bits, RoundingStopsAtMultiples) {
  EXPECT_EQ(RoundUp(uint64_t{0}, 8192), 0U);
  EXPECT_EQ(RoundUp(uint64_t{1}, 8192), 8192U);
  EXPECT_EQ(RoundUp(uint64_t{8192}, 8192), 8192U);
  EXPECT_EQ(RoundDown(uint64_t{8191}, 8192), 0U);
  EXPECT_EQ(RoundUp(Bytes(17), Bytes(16)), Bytes(32));
  EXPECT_EQ(RoundDown(Address(0x2fff), Bytes(0x1000)), Address(0x2000));
  EXPECT_EQ(RoundUp(Address(0x2001), Bytes(0x1000)), Address(0x3000));
}

TEST(Bits, OnesAreCountedAsTheProcessorCountsThem) {
  std::mt19937_64 random(7);
  for (unsigned i = 0; i <= 64; ++i) EXPECT_EQ(CountOnes(LowBits(i)), i);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t word = random();
    EXPECT_EQ(CountOnes(word), static_cast<unsigned>(std::popcount(word)));
  }
}

TEST(Bits, LogarithmsMeetAtPowersOfTwo) {
  EXPECT_EQ(Log2Ceil(0), 0U);
  for (unsigned i = 2; i < 63; ++i) {
    const uint64_t power = uint64_t{1} << i;
    EXPECT_EQ(Log2Floor(power), i);
    EXPECT_EQ(Log2Ceil(power), i);
    EXPECT_EQ(Log2Floor(power - 1), i - 1);
    EXPECT_EQ(Log2Ceil(power + 1), i + 1);
  }
}

TEST(Bits, ARangeOfBitsIsWhereItWasAskedFor) {
  EXPECT_EQ(BitRange(0, 64), ~uint64_t{0});
  EXPECT_EQ(LowBits(64), ~uint64_t{0});
  for (unsigned from = 0; from < 64; ++from) {
    for (unsigned n = 0; from + n <= 64; ++n) {
      uint64_t expected = 0;
      for (unsigned i = from; i < from + n; ++i) expected |= uint64_t{1} << i;
      ASSERT_EQ(BitRange(from, n), expected) << from << "+" << n;
    }
  }
}

TEST(Bits, LowestSetTakesFromTheBottom) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 1000; ++round) {
    const uint64_t bits = random() & random();
    const unsigned n = static_cast<unsigned>(random() % 65);
    uint64_t expected = 0;
    unsigned taken = 0;
    for (unsigned i = 0; i < 64 && taken < n; ++i) {
      if ((bits >> i & 1) == 0) continue;
      expected |= uint64_t{1} << i;
      ++taken;
    }
    ASSERT_EQ(LowestSet(bits, n), expected) << bits << " " << n;
  }
}

}  // namespace
}  // namespace spanheap
