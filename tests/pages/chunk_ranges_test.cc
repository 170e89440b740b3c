// SPDX-License-Identifier: MIT
#include "pages/chunk_ranges.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace spanheap {
namespace {

ChunkRange R(uint32_t begin, uint32_t end) { return {ChunkIndex(begin), ChunkIndex(end)}; }

TEST(ChunkRangesTest, EqualsASetOfChunks) {
  std::mt19937 random(1);
  ChunkRange storage[64];
  ChunkRanges ranges(storage, 64);
  std::set<uint32_t> chunks;
  for (int i = 0; i < 20000; ++i) {
    const uint32_t begin = random() % 120;
    const uint32_t end = begin + 1 + random() % 6;
    unsigned present = 0;
    for (uint32_t c = begin; c < end; ++c) present += chunks.count(c) != 0 ? 1 : 0;
    ASSERT_EQ(ranges.Covers(R(begin, end)), present == end - begin);
    if (present == 0) {
      ASSERT_TRUE(ranges.Add(R(begin, end)));
      for (uint32_t c = begin; c < end; ++c) chunks.insert(c);
    } else if (present == end - begin) {
      ASSERT_TRUE(ranges.Remove(R(begin, end)));
      for (uint32_t c = begin; c < end; ++c) chunks.erase(c);
    }
    ranges.Verify();
    const uint32_t probe = random() % 130;
    ASSERT_EQ(ranges.Contains(ChunkIndex(probe)), chunks.count(probe) != 0);
    const auto next = chunks.lower_bound(probe);
    ASSERT_EQ(ranges.FirstAtOrAfter(ChunkIndex(probe), ChunkIndex(999)).value,
              next == chunks.end() ? 999 : *next);
  }
}

TEST(ChunkRangesTest, RefusesWhatItHasNoRoomForAndStaysAsItWas) {
  ChunkRange storage[2];
  ChunkRanges ranges(storage, 2);
  EXPECT_TRUE(ranges.Add(R(1, 2)));
  EXPECT_TRUE(ranges.Add(R(10, 20)));
  EXPECT_FALSE(ranges.Add(R(4, 5)));
  EXPECT_FALSE(ranges.Remove(R(12, 13)));
  EXPECT_TRUE(ranges.Covers(R(10, 20)));
  EXPECT_TRUE(ranges.Add(R(2, 10)));  // joins both
  EXPECT_EQ(ranges.count(), 1U);
  EXPECT_EQ(ranges.LastStartingAtOrBefore(ChunkIndex(500)), R(1, 20));
  EXPECT_EQ(ranges.LastStartingAtOrBefore(ChunkIndex(0)), R(0, 0));
}

}  // namespace
}  // namespace spanheap
