// SPDX-License-Identifier: MIT
#include "layout/geometry.h"

#include <gtest/gtest.h>

namespace spanheap {
namespace {

TEST(GeometryTest, PagesWithinAreWholeAndOneAtLeastAndAsManyAsCanBeNumbered) {
  EXPECT_EQ(PagesWithin(0_B), Pages(1));
  EXPECT_EQ(PagesWithin(kPageSize + 1_B), Pages(1));
  EXPECT_EQ(PagesWithin(1_MiB), Pages(128));
  constexpr Pages kMost(~uint32_t{0});
  EXPECT_EQ(PagesWithin(BytesOf(kMost)), kMost);
  EXPECT_EQ(PagesWithin(32_GiB * 1024), kMost);
  EXPECT_EQ(PagesWithin(32_GiB * 1024 + 1_MiB), kMost);
  EXPECT_EQ(PagesWithin(Bytes(~size_t{0})), kMost);
}

}  // namespace
}  // namespace spanheap
