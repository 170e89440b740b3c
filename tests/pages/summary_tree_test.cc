// SPDX-License-Identifier: MIT
#include "pages/summary_tree.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace spanheap {
namespace {

TEST(RunSummaryTest, HoldsEveryValueUpToTheWholeRegion) {
  const RunSummary s(1, 2097151, 77);
  EXPECT_EQ(s.start(), 1U);
  EXPECT_EQ(s.max(), 2097151U);
  EXPECT_EQ(s.end(), 77U);
  const RunSummary all(RunSummary::kMaxPages, RunSummary::kMaxPages, RunSummary::kMaxPages);
  EXPECT_EQ(all.start(), RunSummary::kMaxPages);
  EXPECT_EQ(all.max(), RunSummary::kMaxPages);
  EXPECT_EQ(all.end(), RunSummary::kMaxPages);
  EXPECT_TRUE(RunSummary().is_full());
}

// Free pages as a flat array; its summary by looking at each.
RunSummary SummaryOf(const std::vector<bool>& free, size_t begin, size_t end) {
  uint32_t start = 0;
  uint32_t max = 0;
  uint32_t run = 0;
  for (size_t i = begin; i < end; ++i) {
    run = free[i] ? run + 1 : 0;
    if (run == i + 1 - begin) start = run;
    max = std::max(max, run);
  }
  return RunSummary(start, max, run);
}

TEST(RunSummaryTest, MergeEqualsTheSummaryOfTheWhole) {
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::vector<bool> free(8 * 64);
    for (size_t at = 0; at < free.size();) {
      const bool value = random() % 2 == 0;
      for (size_t n = 1 + random() % 150; n > 0 && at < free.size(); --n) free[at++] = value;
    }
    RunSummary children[8];
    for (size_t c = 0; c < 8; ++c) children[c] = SummaryOf(free, c * 64, c * 64 + 64);
    ASSERT_TRUE(RunSummary::Merge(children, 8, 6) == SummaryOf(free, 0, free.size()));
  }
}

TEST(RunSummaryTest, EightWholeChildrenOfTwoGibibytesAreTheAllFreeValue) {
  const uint32_t whole = 1U << 18;
  std::vector<RunSummary> children(8, RunSummary(whole, whole, whole));
  const RunSummary merged = RunSummary::Merge(children.data(), 8, 18);
  EXPECT_EQ(merged.start(), RunSummary::kMaxPages);
  EXPECT_EQ(merged.end(), RunSummary::kMaxPages);
}

TEST(SummaryShapeTest, RootIsSmallWhateverTheReservation) {
  for (const uint32_t chunks : {1U, 64U, 65U, 4096U, 262144U}) {
    const SummaryShape shape = SummaryShape::For(Count(chunks));
    EXPECT_LE(shape.entries[0], SummaryShape::kRootEntries) << chunks;
    EXPECT_GE(shape.LeafEntries(), chunks);
  }
  EXPECT_EQ(SummaryShape::For(Count(262144)).levels, 5U);
  EXPECT_EQ(SummaryShape::For(Count(64)).levels, 1U);
}

class TreeOf {
 public:
  explicit TreeOf(uint32_t chunks)
      : shape_(SummaryShape::For(Count(chunks))),
        upper_(shape_.UpperEntries()),
        leaves_(shape_.LeafEntries()),
        free_(size_t{chunks} * 512) {
    tree_.Init(shape_, upper_.data(), leaves_.data());
  }
  void Put(size_t from, size_t n, bool free) {
    for (size_t i = from; i < from + n; ++i) free_[i] = free;
    const ChunkIndex first(static_cast<uint32_t>(from / 512));
    const ChunkIndex last(static_cast<uint32_t>((from + n - 1) / 512));
    for (ChunkIndex c = first; c <= last; ++c) {
      const RunSummary s = SummaryOf(free_, c.value * size_t{512}, c.value * size_t{512} + 512);
      if (first == last) {
        tree_.Set(c, s);
      } else {
        tree_.SetLeafOnly(c, s);
      }
    }
    // Both bring every level up to date, in their ways.
    if (from % 2 == 0) {
      tree_.PropagateGrown(first, last);
    } else {
      tree_.Propagate(first, last);
    }
  }
  // Page of the lowest run, looking at pages one after the other; -1: none.
  int64_t SlowFind(uint32_t n) const {
    uint32_t run = 0;
    for (size_t i = 0; i < free_.size(); ++i) {
      run = free_[i] ? run + 1 : 0;
      if (run == n) return static_cast<int64_t>(i + 1 - n);
    }
    return -1;
  }
  int64_t Find(uint32_t n) const {
    const SummaryTree::Place place = tree_.Find(n, ChunkIndex(0));
    if (place.kind == SummaryTree::Place::kNowhere) return -1;
    if (place.kind == SummaryTree::Place::kAtPage) return place.page.value;
    uint32_t run = 0;
    for (size_t i = place.chunk.value * size_t{512};; ++i) {
      run = free_[i] ? run + 1 : 0;
      if (run == n) return static_cast<int64_t>(i + 1 - n);
    }
  }
  void Verify() { tree_.Verify(ChunkIndex(0), ChunkIndex(shape_.LeafEntries() - 1)); }
  size_t pages() const { return free_.size(); }

 private:
  SummaryShape shape_;
  std::vector<RunSummary> upper_;
  std::vector<RunSummary> leaves_;
  std::vector<bool> free_;
  SummaryTree tree_;
};

TEST(SummaryTreeTest, FindsTheLowestRunOfAnyLength) {
  std::mt19937 random(7);
  for (const uint32_t chunks : {8U, 100U, 600U}) {
    TreeOf tree(chunks);
    for (int i = 0; i < 150; ++i) {
      const size_t from = random() % tree.pages();
      const size_t n =
          std::min<size_t>(1 + random() % (1U << (random() % 15)), tree.pages() - from);
      tree.Put(from, n, random() % 2 == 0);
      tree.Verify();
      const uint32_t wanted = 1 + random() % (1U << (random() % 15));
      ASSERT_EQ(tree.Find(wanted), tree.SlowFind(wanted)) << chunks << " chunks, run " << wanted;
    }
  }
}

}  // namespace
}  // namespace spanheap
