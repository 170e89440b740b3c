// SPDX-License-Identifier: MIT
//
// The classes of collected objects against the published table, row by row, and against plain
// search and division.
#include "layout/collected_classes.h"

#include <gtest/gtest.h>

namespace spanheap::collected {
namespace {

struct Row {
  uint32_t block_bytes;
  uint32_t span_pages;
  uint32_t slots;
};

constexpr Row kPublished[] = {
    {8, 1, 1024},  {16, 1, 512},  {24, 1, 341},  {32, 1, 256},  {48, 1, 170},   {64, 1, 128},
    {80, 1, 102},  {96, 1, 85},   {112, 1, 73},  {128, 1, 64},  {144, 1, 56},   {160, 1, 51},
    {176, 1, 46},  {192, 1, 42},  {208, 1, 39},  {224, 1, 36},  {240, 1, 34},   {256, 1, 32},
    {288, 1, 28},  {320, 1, 25},  {352, 1, 23},  {384, 1, 21},  {416, 1, 19},   {448, 1, 18},
    {480, 1, 17},  {512, 1, 16},  {576, 1, 14},  {640, 1, 12},  {704, 1, 11},   {768, 1, 10},
    {896, 1, 9},   {1024, 1, 8},  {1152, 1, 7},  {1280, 1, 6},  {1408, 2, 11},  {1536, 1, 5},
    {1792, 2, 9},  {2048, 1, 4},  {2304, 2, 7},  {2688, 1, 3},  {3072, 3, 8},   {3200, 2, 5},
    {3456, 3, 7},  {4096, 1, 2},  {4864, 3, 5},  {5376, 2, 3},  {6144, 3, 4},   {6528, 4, 5},
    {6784, 5, 6},  {6912, 6, 7},  {8192, 1, 1},  {9472, 7, 6},  {9728, 6, 5},   {10240, 5, 4},
    {10880, 4, 3}, {12288, 3, 2}, {13568, 5, 3}, {14336, 7, 4}, {16384, 2, 1},  {18432, 9, 4},
    {19072, 7, 3}, {20480, 5, 2}, {21760, 8, 3}, {24576, 3, 1}, {27264, 10, 3}, {28672, 7, 2},
    {32768, 4, 1},
};

unsigned FirstClassThatFits(uint32_t size) {
  unsigned c = 1;
  while (kPublished[c - 1].block_bytes < size) ++c;
  return c;
}

TEST(CollectedClassesTest, EveryClassIsAsPublished) {
  ASSERT_EQ(std::size(kPublished), kClassCount - 1);
  for (unsigned c = 1; c < kClassCount; ++c) {
    const Row& row = kPublished[c - 1];
    EXPECT_EQ(kClasses[c].block_bytes, row.block_bytes) << "class " << c;
    EXPECT_EQ(kClasses[c].span_pages, row.span_pages) << "class " << c;
    EXPECT_EQ(kClasses[c].slots, row.slots) << "class " << c;
  }
}

TEST(CollectedClassesTest, LookupFindsTheSmallestClassForEverySize) {
  for (uint32_t size = 1; size <= kMaxSmallBytes; ++size) {
    ASSERT_EQ(ClassFor(size), FirstClassThatFits(size)) << "size " << size;
  }
}

TEST(CollectedClassesTest, MagicDivisionIsExactForEveryOffsetOfEveryClass) {
  for (unsigned c = 1; c < kClassCount; ++c) {
    const ClassGeometry& g = kClasses[c];
    for (uint32_t offset = 0; offset <= g.span_pages << kPageShift; ++offset) {
      ASSERT_EQ(SlotAt(offset, g.magic), offset / g.block_bytes) << "class " << c << " " << offset;
    }
  }
}

TEST(CollectedClassesTest, OnlyTwoClassesAreNotMultiplesOf16) {
  for (unsigned c = 1; c < kClassCount; ++c) {
    EXPECT_EQ(kClasses[c].block_bytes % 16 != 0, c == 1 || c == 3) << "class " << c;
  }
}

TEST(CollectedClassesTest, TheWorstPartOfASpanThatIsWastedAboveOneKiBIsASixth) {
  double worst = 0;
  unsigned worst_class = 0;
  for (unsigned c = ClassFor(1025); c < kClassCount; ++c) {
    const ClassGeometry& g = kClasses[c];
    const double span = g.span_pages << kPageShift;
    const double waste = 1 - (kClasses[c - 1].block_bytes + 1.0) * g.slots / span;
    if (waste > worst) worst = waste, worst_class = c;
  }
  EXPECT_EQ(worst_class, 45U);
  EXPECT_NEAR(worst, 0.1665, 0.0001);
}

}  // namespace
}  // namespace spanheap::collected
