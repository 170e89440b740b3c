// SPDX-License-Identifier: MIT
#include "pages/scavenge_candidate.h"

#include <gtest/gtest.h>

#include <random>

namespace spanheap {
namespace {

PageChunk RandomChunk(std::mt19937& random) {
  PageChunk chunk;
  for (unsigned from = 0; from < PageBitmap::kBits;) {
    const unsigned n =
        std::min<unsigned>(1 + random() % (1U << (random() % 9)), PageBitmap::kBits - from);
    if (random() % 3 == 0) chunk.used.SetRange(from, n);
    if (random() % 3 == 0 && chunk.used.NoneSet(from, n)) chunk.scavenged.SetRange(from, n);
    from += n;
  }
  return chunk;
}

// Page by page: the highest run of whole OS pages that could go back, cut to `at_most`.
ScavengeCandidate SlowCandidate(const PageChunk& chunk, uint32_t at_most, ReleaseUnits units) {
  std::vector<bool> barred(PageBitmap::kBits);
  for (unsigned i = 0; i < barred.size(); ++i) {
    if (!chunk.used.Test(i) && !chunk.scavenged.Test(i)) continue;
    const unsigned group = i / units.os_page * units.os_page;
    for (unsigned j = group; j < group + units.os_page; ++j) barred[j] = true;
  }
  unsigned end = PageBitmap::kBits;
  while (end > 0 && barred[end - 1]) --end;
  if (end == 0) return {};
  unsigned begin = end - 1;
  while (begin > 0 && !barred[begin - 1]) --begin;
  unsigned want = std::max(at_most, 1U);
  while (want % units.os_page != 0) ++want;
  unsigned first = end - begin <= want ? begin : end - want;
  if (units.huge_page != 0) {
    const unsigned below = first / units.huge_page * units.huge_page;
    const unsigned above = below == first ? first : below + units.huge_page;
    if (above <= end && below >= begin) first = below;
  }
  return {first, end - first};
}

TEST(ScavengeCandidateTest, EqualsTheSlowOneForEveryUnit) {
  std::mt19937 random(1);
  for (int i = 0; i < 40000; ++i) {
    const PageChunk chunk = RandomChunk(random);
    ReleaseUnits units;
    units.os_page = i % 4 == 0 ? 1U << (random() % 7) : 1;
    units.huge_page = i % 3 == 0 ? 0 : 256;
    const uint32_t at_most = random() % 600;
    const ScavengeCandidate fast = FindScavengeCandidate(chunk, at_most, units);
    const ScavengeCandidate slow = SlowCandidate(chunk, at_most, units);
    ASSERT_EQ(fast.count, slow.count) << "of at most " << at_most;
    if (slow.count != 0) {
      ASSERT_EQ(fast.first, slow.first);
    }
  }
}

TEST(ScavengeCandidateTest, NeverBreaksAFreeHugePage) {
  const PageChunk free;
  const ReleaseUnits units{1, 256};
  const ScavengeCandidate found = FindScavengeCandidate(free, 8, units);
  EXPECT_EQ(found.first, 256U);
  EXPECT_EQ(found.count, 256U);
}

TEST(ScavengeCandidateTest, TakesAPieceOfABrokenHugePage) {
  PageChunk chunk;
  chunk.used.SetRange(256, 1);
  const ScavengeCandidate found = FindScavengeCandidate(chunk, 8, {1, 256});
  EXPECT_EQ(found.first, 504U);
  EXPECT_EQ(found.count, 8U);
}

TEST(ScavengeCandidateTest, FindsHugePagesThatAreFreeAndPartlyBacked) {
  PageChunk chunk;
  chunk.scavenged.SetRange(256, 255);
  EXPECT_EQ(FindFreeHugePage(chunk, {1, 256}).first, 256U);
  chunk.scavenged.SetRange(511, 1);
  EXPECT_EQ(FindFreeHugePage(chunk, {1, 256}).first, 0U);
  EXPECT_EQ(FindFreeHugePage(chunk, {1, 256}).count, 256U);
  chunk.used.SetRange(0, 1);
  EXPECT_EQ(FindFreeHugePage(chunk, {1, 256}).count, 0U);
}

TEST(ScavengeCandidateTest, FillGroupsFillsEachGroupThatHoldsAOne) {
  std::mt19937_64 random(2);
  for (unsigned group = 1; group <= 64; group *= 2) {
    for (int i = 0; i < 200; ++i) {
      const uint64_t bits = random() & random() & random() & random();
      uint64_t expected = 0;
      for (unsigned at = 0; at < 64; at += group) {
        const uint64_t mask = BitRange(at, group);
        if ((bits & mask) != 0) expected |= mask;
      }
      ASSERT_EQ(FillGroups(bits, group), expected);
    }
  }
}

TEST(ScavengeCandidateTest, HugePagesThatDoNotFitTheGeometryAreIgnored) {
  EXPECT_EQ(ReleaseUnitsFor(4_KiB, 2_MiB).huge_page, 256U);
  EXPECT_EQ(ReleaseUnitsFor(4_KiB, 0_B).huge_page, 0U);
  EXPECT_EQ(ReleaseUnitsFor(64_KiB, 512_MiB).huge_page, 0U);
  EXPECT_EQ(ReleaseUnitsFor(64_KiB, 2_MiB).os_page, 8U);
}

}  // namespace
}  // namespace spanheap
