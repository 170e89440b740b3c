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

// The owner shares no word with anything else, nor the line of the marks with another page.
TEST_F(SideTablesTest, APagesOwnerLiesInAWordThatItsBitsLeave) {
  for (unsigned c = 1; c < kClassCount; ++c) {
    const SpanKind& kind = kSpanKinds[KindFor(c, Domain::kBits)];
    if (kind.block_bytes < 16 || kind.block_bytes > kMaxBitsBytes) continue;
    ASSERT_TRUE(tables_.Cover(kFirst, Pages(1), kind));
    tables_.WithOwner(kFirst.value, kind, [&](auto& owner) {
      const void* const at = &owner;
      if (at == &tables_.note_of(kFirst.value)) {
        EXPECT_EQ(kind.words, 8U) << "where no word is left";
        return;
      }
      const Atomic<uint64_t>* const block = tables_.marks(kFirst.value);
      ASSERT_TRUE(at >= block && at < block + sizeof(MarkBlock) / 8);
      for (unsigned w = 0; w < kind.words; ++w) {
        EXPECT_NE(at, tables_.marks(kFirst.value) + w) << kind.block_bytes;
        EXPECT_NE(at, tables_.scanned(kFirst.value, kind) + w) << kind.block_bytes;
        EXPECT_NE(at, tables_.allocated(kFirst.value, kind) + w) << kind.block_bytes;
      }
    });
  }
}

}  // namespace
}  // namespace spanheap::collected
