// SPDX-License-Identifier: MIT
//
// malloc's classes against plain search and division, and what they may waste.
#include "layout/malloc_classes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spanheap {
namespace {

unsigned FirstClassThatFits(size_t n) {
  unsigned c = 1;
  while (BlockBytes(c) < n) ++c;
  return c;
}

double SpanBytes(unsigned c) { return static_cast<double>(kMallocClasses[c].span_pages) * 8192; }

TEST(MallocClassesTest, LookupFindsTheSmallestClassForEveryTabledSize) {
  unsigned c = 1;
  for (size_t n = 1; n <= kMaxTabledBytes; ++n) {
    while (BlockBytes(c) < n) ++c;
    ASSERT_EQ(MallocClassFor(n), c) << "size " << n;
  }
  EXPECT_EQ(MallocClassFor(0), 1U);
}

TEST(MallocClassesTest, LookupFindsTheSmallestClassAroundEachClassAndBetween) {
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    const size_t size = BlockBytes(c);
    for (size_t n = std::max<size_t>(size, 40) - 39; n <= std::min(size + 40, kMaxRunBytes); ++n) {
      ASSERT_EQ(MallocClassFor(n), FirstClassThatFits(n)) << "size " << n;
    }
  }
  for (size_t n = kMaxTabledBytes; n <= kMaxRunBytes; n += 997) {
    ASSERT_EQ(MallocClassFor(n), FirstClassThatFits(n)) << "size " << n;
  }
}

TEST(MallocClassesTest, MagicDivisionIsExactForEveryOffsetOfEverySmallClass) {
  for (unsigned c = 1; IsSmallClass(c); ++c) {
    const ClassGeometry& g = kMallocClasses[c];
    for (uint32_t offset = 0; offset <= g.span_pages << kPageShift; ++offset) {
      ASSERT_EQ(SlotAt(offset, g.magic), offset / g.block_bytes) << "class " << c << " " << offset;
    }
  }
}

TEST(MallocClassesTest, SmallClassesRiseBySixteenAndThenEightADoubling) {
  for (unsigned c = 1; c <= kFineClasses; ++c) EXPECT_EQ(BlockBytes(c), c * 16);
  for (unsigned c = kFineClasses + 1; IsSmallClass(c); ++c) {
    const size_t below = BlockBytes(c - 1);
    size_t power = 256;
    while (power * 2 <= below) power *= 2;
    EXPECT_EQ(BlockBytes(c), below + power / 8) << "class " << c;
  }
  EXPECT_EQ(BlockBytes(kSmallClasses), kMaxSmallBytes);
}

TEST(MallocClassesTest, RunClassesAreWholePagesFourADoubling) {
  for (unsigned c = kFirstRunClass; c < kMallocClassCount; ++c) {
    EXPECT_EQ(BytesOf(RunPages(c)).value, BlockBytes(c));
    if (c >= kFirstRunClass + 4) {
      EXPECT_EQ(BlockBytes(c), 2 * BlockBytes(c - 4));
    }
  }
  EXPECT_EQ(BlockBytes(kFirstRunClass), 40U << 10);
  EXPECT_EQ(BlockBytes(kMallocClassCount - 1), kMaxRunBytes);
}

TEST(MallocClassesTest, ARequestOf113BytesOrMoreWastesAtMostOneSeventhOfItsSpan) {
  for (size_t n = 113; n <= kMaxSmallBytes; ++n) {
    const unsigned c = MallocClassFor(n);
    const double asked = static_cast<double>(n) * kMallocClasses[c].slots;
    ASSERT_LE(1 - asked / SpanBytes(c), 0.146) << "size " << n;
  }
}

TEST(MallocClassesTest, ARunIsAtMostAFifthLongerThanWasAskedFor) {
  for (unsigned c = kFirstRunClass; c < kMallocClassCount; ++c) {
    const auto least = static_cast<double>(BlockBytes(c - 1) + 1);
    EXPECT_LE(1 - least / static_cast<double>(BlockBytes(c)), 0.2) << "class " << c;
  }
}

TEST(MallocClassesTest, SpansOfBlocksBelowOneKiBHave32To64KiBAndOthersAtLeastFourBlocks) {
  for (unsigned c = 1; IsSmallClass(c); ++c) {
    const ClassGeometry& g = kMallocClasses[c];
    EXPECT_EQ(g.slots, (g.span_pages << kPageShift) / g.block_bytes);
    if (g.block_bytes < 1024) {
      EXPECT_GE(g.span_pages, 4U) << "class " << c;
      EXPECT_LE(g.span_pages, 8U) << "class " << c;
    } else {
      EXPECT_GE(g.slots, g.block_bytes <= 16384 ? 8U : 4U) << "class " << c;
    }
  }
}

TEST(MallocClassesTest, TailsOfSpansAreAtMostAThirteenth) {
  for (unsigned c = 1; IsSmallClass(c); ++c) {
    EXPECT_LE(TailBytes(kMallocClasses[c]), SpanBytes(c) / 13) << "class " << c;
  }
}

}  // namespace
}  // namespace spanheap
