// SPDX-License-Identifier: MIT
#include "pages/page_bitmap.h"

#include <gtest/gtest.h>

#include <random>

#include "models/slow_bitmap.h"

namespace spanheap {
namespace {

using model::SlowBitmap;

// Bitmaps of every sparseness, with short and long runs.
PageBitmap RandomBitmap(std::mt19937& random) {
  PageBitmap bits;
  const unsigned kind = random() % 5;
  if (kind == 0) return bits;
  for (unsigned from = 0; from < PageBitmap::kBits;) {
    const unsigned longest = kind == 1 ? 2 : kind == 2 ? 16 : kind == 3 ? 70 : 300;
    const unsigned n = std::min<unsigned>(1 + random() % longest, PageBitmap::kBits - from);
    if (random() % 2 == 0) bits.SetRange(from, n);
    from += n;
  }
  return bits;
}

TEST(PageBitmapTest, RangeOperationsEqualTheSlowOnes) {
  std::mt19937 random(1);
  PageBitmap bits;
  SlowBitmap slow;
  for (int i = 0; i < 20000; ++i) {
    const unsigned from = random() % PageBitmap::kBits;
    const unsigned room = PageBitmap::kBits - from;
    const unsigned n =
        1 + (random() % 2 == 0 ? random() % std::min<unsigned>(room, 70U) : random() % room);
    const bool set = random() % 2 == 0;
    if (set) {
      bits.SetRange(from, n);
    } else {
      bits.ClearRange(from, n);
    }
    slow.Set(from, n, set);
    const unsigned at = random() % PageBitmap::kBits;
    const unsigned length = 1 + random() % (PageBitmap::kBits - at);
    ASSERT_EQ(bits.CountRange(at, length), slow.Count(at, length));
    ASSERT_EQ(bits.AllSet(at, length), slow.Count(at, length) == length);
    ASSERT_EQ(bits.NoneSet(at, length), slow.Count(at, length) == 0);
    ASSERT_EQ(bits.Test(at), slow.used[at]);
  }
}

TEST(PageBitmapTest, FindsTheLowestRunOfEveryLength) {
  std::mt19937 random(2);
  for (int i = 0; i < 400; ++i) {
    const PageBitmap bits = RandomBitmap(random);
    const SlowBitmap slow(bits);
    for (unsigned n = 1; n <= PageBitmap::kBits; n += n < 130 ? 1 : 37) {
      const PageBitmap::Found found = bits.FindFree(n, 0);
      ASSERT_EQ(found.at, slow.Find(n)) << "length " << n;
      ASSERT_EQ(found.first_free, slow.Find(1));
    }
  }
}

TEST(PageBitmapTest, SearchMayBeginAnywhereBelowTheFirstFreePage) {
  std::mt19937 random(3);
  for (int i = 0; i < 4000; ++i) {
    PageBitmap bits = RandomBitmap(random);
    const unsigned used_below = random() % PageBitmap::kBits;
    if (used_below != 0) bits.SetRange(0, used_below);
    const unsigned n = 1 + random() % 100;
    ASSERT_EQ(bits.FindFree(n, used_below).at, SlowBitmap(bits).Find(n));
  }
}

TEST(PageBitmapTest, FindsRunThatCrossesAWord) {
  PageBitmap bits;
  bits.SetRange(0, 60);
  bits.SetRange(70, PageBitmap::kBits - 70);
  EXPECT_EQ(bits.FindFree(10, 0).at, 60U);
  EXPECT_EQ(bits.FindFree(11, 0).at, PageBitmap::kNone);
}

TEST(PageBitmapTest, SummaryEqualsTheSlowOne) {
  std::mt19937 random(4);
  for (int i = 0; i < 20000; ++i) {
    const PageBitmap bits = RandomBitmap(random);
    const RunSummary fast = bits.Summarize();
    const RunSummary slow = SlowBitmap(bits).Summarize();
    ASSERT_EQ(fast.start(), slow.start());
    ASSERT_EQ(fast.max(), slow.max());
    ASSERT_EQ(fast.end(), slow.end());
  }
}

TEST(PageBitmapTest, SummaryOfRandomWordsEqualsTheSlowOne) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 20000; ++i) {
    PageBitmap bits;
    for (uint64_t& word : bits.words) word = random() & (i % 3 == 0 ? random() : ~uint64_t{0});
    ASSERT_TRUE(bits.Summarize() == SlowBitmap(bits).Summarize());
  }
}

TEST(FindRunOfOnesTest, EqualsTryingEachPosition) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 50000; ++i) {
    const uint64_t bits = random() | (i % 2 == 0 ? random() | random() : 0);
    const unsigned n = 1 + static_cast<unsigned>(random() % 64);
    unsigned expected = 0;
    while (expected + n <= 64 && (bits >> expected & LowBits(n)) != LowBits(n)) ++expected;
    if (expected + n > 64) expected = 64;
    ASSERT_EQ(FindRunOfOnes(bits, n), expected);
  }
  EXPECT_EQ(FindRunOfOnes(0, 1), 64U);
  EXPECT_EQ(FindRunOfOnes(~uint64_t{0}, 64), 0U);
}

TEST(PageBitmapTest, FindsTheLowestAlignedRun) {
  std::mt19937 random(6);
  for (int i = 0; i < 3000; ++i) {
    const PageBitmap bits = RandomBitmap(random);
    const SlowBitmap slow(bits);
    for (unsigned n = 1; n <= PageBitmap::kBits; n += 1 + n / 4) {
      const PageAlignment alignment{uint64_t{1} << (random() % 12), random() % 2048};
      ASSERT_EQ(FindFreeAligned(bits, n, alignment),
                slow.FindAligned(n, alignment.pages, alignment.offset))
          << n << " at " << alignment.pages << " with " << alignment.offset;
    }
  }
}

}  // namespace
}  // namespace spanheap
