// SPDX-License-Identifier: MIT
#include "base/units.h"

#include <gtest/gtest.h>

#include <concepts>
#include <cstdint>

namespace spanheap {
namespace {

template <class A, class B>
concept CanAdd = requires(A a, B b) { a + b; };
template <class A, class B>
concept CanSubtract = requires(A a, B b) { a - b; };

TEST(Units, DifferentKindsDoNotMix) {
  static_assert(!CanAdd<Bytes, Pages>);
  static_assert(!CanAdd<Address, Address>);
  static_assert(!CanAdd<Address, Pages>);
  static_assert(!CanAdd<PageIndex, Bytes>);
  static_assert(!CanSubtract<PageIndex, ChunkIndex>);
  static_assert(!std::convertible_to<size_t, Bytes>);
  static_assert(!std::convertible_to<Bytes, size_t>);
  static_assert(!std::equality_comparable_with<Bytes, Pages>);
}

TEST(Units, AnOrdinalMovesByItsQuantity) {
  EXPECT_EQ(Address(0x1000) + Bytes(0x20), Address(0x1020));
  EXPECT_EQ(Address(0x1020) - Address(0x1000), Bytes(0x20));
  EXPECT_EQ(PageIndex(7) - Pages(3), PageIndex(4));
  PageIndex page(9);
  ++page;
  page += Pages(2);
  EXPECT_EQ(page, PageIndex(12));
  EXPECT_LT(PageIndex(3), PageIndex(4));
}

TEST(Units, AQuantityCounts) {
  Bytes size = 3_KiB + 1_B;
  size -= 1_KiB;
  EXPECT_EQ(size, Bytes(2049));
  EXPECT_EQ(Pages(3) * 4U, Pages(12));
  EXPECT_EQ(1_GiB / 2_MiB, 512U);
}

TEST(Units, AddressesAndPointersAreTheSamePlace) {
  int x = 0;
  EXPECT_EQ(PointerTo<int>(AddressOf(&x)), &x);
}

TEST(Units, CostNothing) {
  static_assert(sizeof(Bytes) == sizeof(size_t));
  static_assert(sizeof(PageIndex) == sizeof(uint32_t));
}

}  // namespace
}  // namespace spanheap
