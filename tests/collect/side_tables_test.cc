// SPDX-License-Identifier: MIT
#include "collect/side_tables.h"

#include <gtest/gtest.h>

#include "os/fake_memory.h"

namespace spanheap::collected {
namespace {

class SideTablesTest : public testing::Test {
 protected:
  static constexpr PageIndex kFirst{kChunkPages.value};

  void SetUp() override { ASSERT_TRUE(tables_.Init(memory_, 4 * kChunkPages.value, gauge_)); }
  // What a span of the kind adds to what is counted, for each page of its chunk.
  uint64_t Added(unsigned bytes, Domain domain, PageIndex at = kFirst) {
    const uint64_t before = gauge_.counted();
    const uint8_t kind = KindFor(bytes == 0 ? 0 : ClassFor(bytes), domain);
    EXPECT_TRUE(tables_.Cover(at, Pages(1), kSpanKinds[kind]));
    EXPECT_EQ(gauge_.counted(), tables_.used().value);
    return (gauge_.counted() - before) / kChunkPages.value;
  }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  MemoryGauge gauge_;
  SideTables tables_;
};

TEST_F(SideTablesTest, OnlyTablesThatASpanOfTheChunkNeedsAreCounted) {
  EXPECT_EQ(Added(64, Domain::kNoScan), SideTables::kBytesPerPage);
  EXPECT_EQ(Added(64, Domain::kBits), sizeof(PointerBlock));
  EXPECT_EQ(Added(16, Domain::kNoScan), sizeof(AllocatedBlock));
  EXPECT_EQ(Added(16, Domain::kBits), 0U);
  EXPECT_EQ(Added(64, Domain::kNoScan), 0U);
}

TEST_F(SideTablesTest, LargeObjectsNeedNeither) {
  EXPECT_EQ(Added(0, Domain::kTyped), SideTables::kBytesPerPage);
  EXPECT_EQ(Added(0, Domain::kNoScan), 0U);
}

TEST_F(SideTablesTest, SlotsOfEightBytesKeepTheirBitsInPlaceOfPointers) {
  EXPECT_EQ(Added(8, Domain::kNoScan), SideTables::kBytesPerPage + sizeof(PointerBlock));
}

TEST_F(SideTablesTest, EachChunkCountsForItself) {
  EXPECT_EQ(Added(16, Domain::kBits),
            SideTables::kBytesPerPage + sizeof(AllocatedBlock) + sizeof(PointerBlock));
  EXPECT_EQ(Added(64, Domain::kNoScan, kFirst + kChunkPages), SideTables::kBytesPerPage);
}

}  // namespace
}  // namespace spanheap::collected
