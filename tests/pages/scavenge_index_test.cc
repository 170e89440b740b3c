// SPDX-License-Identifier: MIT
#include "pages/scavenge_index.h"

#include <gtest/gtest.h>

#include <vector>

namespace spanheap {
namespace {

class ScavengeIndexTest : public testing::Test {
 protected:
  ScavengeIndexTest() : records_(64), storage_(16), grown_(storage_.data(), storage_.size()) {
    index_.Init(records_.data());
  }
  void Grow(uint32_t c) {
    ASSERT_TRUE(grown_.Add({ChunkIndex(c), ChunkIndex(c + 1)}));
    index_.Grow(ChunkIndex(c));
  }
  uint32_t Find(bool force) { return index_.Find(force, grown_).value; }

  std::vector<ScavengeIndex::Record> records_;
  std::vector<ChunkRange> storage_;
  ChunkRanges grown_;
  ScavengeIndex index_;
};

TEST_F(ScavengeIndexTest, FreshChunksHaveNothingToGive) {
  Grow(3);
  EXPECT_EQ(Find(true), 0U);
  EXPECT_EQ(Find(false), 0U);
}

TEST_F(ScavengeIndexTest, ForceFindsTheHighestChunkThenTheNext) {
  for (const uint32_t c : {5U, 40U, 12U}) {
    Grow(c);
    index_.Allocate(ChunkIndex(c), 10);
    index_.Free(ChunkIndex(c), 10);
  }
  for (const uint32_t c : {40U, 12U, 5U}) {
    EXPECT_EQ(Find(true), c);
    EXPECT_EQ(Find(true), c);  // until it is said to be empty
    index_.SetEmpty(ChunkIndex(c));
  }
  EXPECT_EQ(Find(true), 0U);
  index_.SetFree(ChunkIndex(12));
  EXPECT_EQ(Find(true), 12U);
  index_.Verify(grown_);
}

TEST_F(ScavengeIndexTest, UnforcedSearchSeesAFreeInTheNextGeneration) {
  Grow(7);
  index_.Allocate(ChunkIndex(7), 100);
  index_.Free(ChunkIndex(7), 50);
  EXPECT_EQ(Find(false), 0U);
  index_.NextGeneration();
  EXPECT_EQ(Find(false), 7U);
}

TEST_F(ScavengeIndexTest, ChunkThatWasDenseIsLeftForAGeneration) {
  Grow(7);
  index_.Allocate(ChunkIndex(7), 512);
  index_.NextGeneration();
  index_.Free(ChunkIndex(7), 100);  // dense when this generation began
  EXPECT_FALSE(index_.MayTake(ChunkIndex(7), false));
  EXPECT_TRUE(index_.MayTake(ChunkIndex(7), true));
  index_.NextGeneration();
  EXPECT_EQ(Find(false), 7U);
}

TEST_F(ScavengeIndexTest, ChunkThatIsDenseNowIsLeftAlone) {
  Grow(7);
  index_.Allocate(ChunkIndex(7), ScavengeIndex::kDensePages + 1);
  index_.Free(ChunkIndex(7), 1);
  index_.NextGeneration();
  index_.NextGeneration();
  EXPECT_EQ(Find(false), 0U);
  index_.Free(ChunkIndex(7), 1);
  index_.NextGeneration();
  EXPECT_EQ(Find(false), 7U);
}

TEST_F(ScavengeIndexTest, FullChunkHasNothingToGive) {
  Grow(7);
  index_.Allocate(ChunkIndex(7), 1);
  index_.Free(ChunkIndex(7), 1);
  index_.Allocate(ChunkIndex(7), 512);
  EXPECT_FALSE(index_.MayTake(ChunkIndex(7), true));
}

}  // namespace
}  // namespace spanheap
