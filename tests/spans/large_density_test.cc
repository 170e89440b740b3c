// SPDX-License-Identifier: MIT
#include "spans/large_density.h"

#include <gtest/gtest.h>

#include "os/fake_memory.h"
#include "pages/huge_pages.h"
#include "spans/large_blocks.h"

namespace spanheap {
namespace {

using Use = os::HugePageSettings::Use;

uint64_t Now() { return 1; }

class LargeDensityTest : public testing::Test {
 protected:
  void Start(Use use, HugePageMode mode = HugePageMode::kAuto) {
    huge_.Init(memory_, {2_MiB, use}, Now);
    huge_.SetMode(mode);
    metadata_.Init(records_);
    large_.Init(memory_, metadata_, nullptr, &huge_);
  }
  // Allocates and frees one; true if it was huge.
  bool Cycle() {
    void* const block = large_.Allocate(48_MiB, 16_B);
    const bool is_huge = memory_.IsAdvisedHuge(AddressOf(block) + 40_MiB);
    EXPECT_TRUE(large_.Free(block));
    return is_huge;
  }

  os::FakeMemory memory_{os::FakeMemory::Backing::kNone};
  os::FakeMemory records_{os::FakeMemory::Backing::kKernel};
  MetadataArena metadata_;
  HugePages huge_;
  LargeBlocks large_;
};

TEST_F(LargeDensityTest, TheFirstBlockStaysOrdinaryAndItsLikeFollowIt) {
  Start(Use::kOnAdvice);
  EXPECT_FALSE(Cycle());
  EXPECT_TRUE(Cycle());
  EXPECT_TRUE(Cycle());
}

TEST_F(LargeDensityTest, SparseBlocksStayOrdinary) {
  Start(Use::kOnAdvice);
  memory_.set_resident_percent(0);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(Cycle());
}

TEST_F(LargeDensityTest, OneBlockInEightStaysOrdinaryToShowIt) {
  Start(Use::kOnAdvice);
  Cycle();
  uint32_t huge = 0;
  for (uint32_t i = 0; i < 8 * LargeDensity::kBlocksPerSample; ++i) huge += Cycle() ? 1 : 0;
  EXPECT_EQ(huge, 8 * (LargeDensity::kBlocksPerSample - 1));
}

TEST_F(LargeDensityTest, OneSparseBlockEndsIt) {
  Start(Use::kOnAdvice);
  Cycle();
  ASSERT_TRUE(Cycle());
  memory_.set_resident_percent(0);
  Cycle();
  EXPECT_FALSE(Cycle());
}

TEST_F(LargeDensityTest, ABlockThatOutgrowsItsWindowIsAskedForWithTheWholeNextOne) {
  Start(Use::kOnAdvice);
  void* block = large_.Allocate(60_MiB, 16_B);
  ASSERT_FALSE(memory_.IsAdvisedHuge(AddressOf(block)));
  block = large_.Resize(block, 80_MiB);
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(memory_.IsAdvisedHuge(AddressOf(block)));
  EXPECT_TRUE(memory_.IsAdvisedHuge(AddressOf(block) + 120_MiB));
  block = large_.Resize(block, 200_MiB);
  EXPECT_TRUE(memory_.IsAdvisedHuge(AddressOf(block) + 250_MiB));
  EXPECT_TRUE(large_.Free(block));
}

TEST_F(LargeDensityTest, ScarceMemoryAndRefusalsLeaveBlocksOrdinary) {
  Start(Use::kOnAdvice);
  Cycle();
  memory_.set_advice_is_refused(true);
  EXPECT_FALSE(Cycle());
  EXPECT_EQ(huge_.pauses(), 1U);
  memory_.set_advice_is_refused(false);
  EXPECT_FALSE(Cycle());  // the pause holds here, too
}

TEST_F(LargeDensityTest, TheOptionAndTheSystemAreObeyed) {
  Start(Use::kOnAdvice, HugePageMode::kOff);
  EXPECT_FALSE(Cycle());
  EXPECT_FALSE(Cycle());
  huge_.SetMode(HugePageMode::kEager);
  EXPECT_TRUE(Cycle());
}

TEST_F(LargeDensityTest, WhereTheSystemGivesThemUnaskedTheFirstIsToldNotTo) {
  Start(Use::kAlways);
  void* const block = large_.Allocate(48_MiB, 16_B);
  EXPECT_TRUE(memory_.IsAdvisedOrdinary(AddressOf(block)));
  EXPECT_TRUE(large_.Free(block));
  EXPECT_TRUE(Cycle());
}

}  // namespace
}  // namespace spanheap
