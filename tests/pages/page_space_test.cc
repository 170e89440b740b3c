// SPDX-License-Identifier: MIT
#include "pages/page_space.h"

#include <gtest/gtest.h>

#include <vector>

#include "os/fake_memory.h"

namespace spanheap {
namespace {

using os::FakeMemory;

constexpr Bytes kTebibyte(size_t{1} << 40);

class PageSpaceTest : public testing::Test {
 protected:
  // Finds room, makes it ready; the range.
  ChunkRange Grow(uint32_t chunks, Bytes alignment = 8_KiB) {
    const ChunkRange r = space_.FindRoom(Count(chunks), alignment);
    if (r.size().value == 0 || !space_.MakeReady(r)) return {};
    ready_.push_back(r);
    return r;
  }
  void CheckConversions() {
    for (const ChunkRange& r : ready_) {
      const Address start = space_.AddressOf(FirstPage(r.begin));
      for (const size_t offset : {size_t{0}, size_t{5000}, size_t{3} << 20}) {
        const Address a = start + Bytes(offset);
        ASSERT_TRUE(space_.Contains(a));
        ASSERT_EQ(space_.IndexOf(a),
                  FirstPage(r.begin) + Pages(static_cast<uint32_t>(offset >> 13)));
        ASSERT_EQ(memory_.StateAt(a), os::RangeState::kReady);
      }
      const PageIndex last = FirstPage(r.end) - Pages(1);
      ASSERT_EQ(space_.AddressOf(last) - start, BytesOf(last - FirstPage(r.begin)));
    }
  }

  FakeMemory memory_{FakeMemory::Backing::kKernel};
  PageSpace space_;
  PageHeapOptions options_;
  std::vector<ChunkRange> ready_;
};

TEST_F(PageSpaceTest, ReservesOneTebibyteWhereNothingIsLimited) {
  const Address probe = memory_.Reserve(kTebibyte + kChunkSize, kChunkSize, nullptr);
  if (probe.value == 0) GTEST_SKIP() << "the process has no such room (a sanitizer's shadow)";
  memory_.Unreserve(probe, kTebibyte + kChunkSize);
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_FALSE(space_.is_sparse());
  EXPECT_GE(space_.reserved(), kTebibyte);
  EXPECT_EQ(space_.tables().linear_bytes, (kTebibyte + kChunkSize).value);
  EXPECT_LT(memory_.ready_bytes(), 160_MiB);  // class bytes; touched pages only cost memory
  EXPECT_EQ(Grow(1).begin, ChunkIndex(1));
  EXPECT_EQ(Grow(7).begin, ChunkIndex(2));
  CheckConversions();
}

TEST_F(PageSpaceTest, PageZeroAndChunkZeroAreNoPages) {
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_FALSE(space_.Contains(space_.tables().base));
  EXPECT_FALSE(space_.Contains(space_.tables().base + kChunkSize));  // not made ready yet
  Grow(1);
  EXPECT_FALSE(space_.Contains(space_.tables().base));
  EXPECT_TRUE(space_.Contains(space_.tables().base + kChunkSize));
  EXPECT_FALSE(space_.Contains(Address(1)));
  EXPECT_FALSE(space_.Contains(Address(~uintptr_t{0})));
}

TEST_F(PageSpaceTest, ClassBytesCanBeReadOverTheWholeLinearRange) {
  ASSERT_TRUE(space_.Init(memory_, options_));
  const size_t pages = space_.tables().linear_bytes >> kPageShift;
  for (const size_t p : {size_t{0}, pages / 2, pages - 1}) {
    EXPECT_EQ(space_.tables().class_of[p].LoadRelaxed(), 0U);  // relaxed: one thread
  }
}

TEST_F(PageSpaceTest, HalvesTheReservationUntilItIsGranted) {
  memory_.set_address_space(100_GiB);
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_FALSE(space_.is_sparse());
  EXPECT_EQ(space_.tables().linear_bytes, (64_GiB + kChunkSize).value);
}

TEST_F(PageSpaceTest, ReservesArenasAsNeededWhereLittleIsGranted) {
  memory_.set_address_space(1_GiB);
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_TRUE(space_.is_sparse());
  uint32_t grown = 0;
  while (Grow(1).size().value != 0) ++grown;
  EXPECT_GT(grown, 220U);  // of 256 chunks
  CheckConversions();
}

TEST_F(PageSpaceTest, LimitedAddressSpaceIsTakenAnEighthAtMostAheadOfUse) {
  options_.limits.address_space = 256_MiB;
  memory_.set_address_space(256_MiB);
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_LE(space_.reserved(), 40_MiB);
  uint32_t grown = 0;
  while (Grow(1).size().value != 0) {
    ++grown;
    ASSERT_LE(space_.reserved(), Bytes(grown * kChunkSize.value) + 40_MiB);
  }
  EXPECT_GE(grown, 60U);  // 240 of 256 MiB
  CheckConversions();
}

// Addresses of chunk 0 count as linear: an arena there would have the page numbers of no page.
TEST_F(PageSpaceTest, NoArenaCanComeToLieInFrontOfTheFirst) {
  options_.sparse = true;
  ASSERT_TRUE(space_.Init(memory_, options_));
  const Address front = space_.tables().base;
  EXPECT_EQ(memory_.StateAt(front), os::RangeState::kReserved);
  EXPECT_EQ(memory_.StateAt(front + kChunkSize - 1_B), os::RangeState::kReserved);
}

TEST_F(PageSpaceTest, LockedMemoryLimitLeavesThreeQuarters) {
  options_.limits.locked = 1_GiB;
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_LE(space_.tables().linear_bytes, (256_MiB + kChunkSize).value);
  EXPECT_LE(space_.reserved(), 512_MiB);
  for (int i = 0; i < 100; ++i) ASSERT_NE(Grow(4).size().value, 0U);  // beyond the first arena
  CheckConversions();
}

TEST_F(PageSpaceTest, ASmallReserveFitsIntoASmallLockedMemoryLimit) {
  options_.limits.locked = 64_MiB;
  options_.reserve = 8_MiB;
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_LE(space_.reserved(), 16_MiB);  // chunk 0 and tables with it
  for (uint32_t grown = 2; grown < 12; ++grown) {
    ASSERT_NE(Grow(1).size().value, 0U);
    ASSERT_LE(space_.reserved(), Bytes(grown * kChunkSize.value) + 24_MiB);
  }
  CheckConversions();
}

TEST_F(PageSpaceTest, ALargeReserveCaresForNoLockedMemoryLimit) {
  options_.limits.locked = 8_MiB;
  options_.reserve = 1_GiB;
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_GE(space_.capacity().value, (64_GiB).value >> kChunkShift);
}

TEST_F(PageSpaceTest, SmallLockedMemoryLimitsAreNoReasonToBeSmall) {
  options_.limits.locked = 8_MiB;  // the usual default
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_FALSE(space_.is_sparse());
}

TEST_F(PageSpaceTest, ReserveOptionOverridesTheLimits) {
  options_.reserve = 1_GiB;
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_EQ(space_.tables().linear_bytes, (1_GiB + kChunkSize).value);
}

TEST_F(PageSpaceTest, LittleIsChargedForAheadOfUse) {
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_LE(memory_.ready_bytes(), 4_MiB);
}

TEST_F(PageSpaceTest, BlocksAlignedToAGibibyteCommitOnlyThemselves) {
  ASSERT_TRUE(space_.Init(memory_, options_));
  const Bytes before = memory_.ready_bytes();
  const ChunkRange r = Grow(2, 1_GiB);
  ASSERT_EQ(r.size(), Count(2));
  EXPECT_EQ(space_.AddressOf(FirstPage(r.begin)).value % (1_GiB).value, 0U);
  EXPECT_LE(memory_.ready_bytes() - before, 12_MiB);
  if (r.begin > ChunkIndex(1)) {
    EXPECT_LT(Grow(1).begin, r.begin);  // the room below it is still room
  }
  CheckConversions();
}

TEST_F(PageSpaceTest, AlignedRoomIsFoundInSparseModeToo) {
  options_.sparse = true;
  ASSERT_TRUE(space_.Init(memory_, options_));
  EXPECT_TRUE(space_.is_sparse());
  for (int i = 0; i < 8; ++i) {
    const ChunkRange r = Grow(3, 1_GiB);
    ASSERT_EQ(r.size(), Count(3));
    EXPECT_EQ(space_.AddressOf(FirstPage(r.begin)).value % (1_GiB).value, 0U);
  }
  CheckConversions();
}

TEST_F(PageSpaceTest, ArenasThatDoNotTouchInMemoryDoNotTouchInNumbers) {
  options_.sparse = true;
  ASSERT_TRUE(space_.Init(memory_, options_));
  for (int i = 0; i < 60; ++i) {
    // Something else in between now and then.
    if (i % 7 == 0) memory_.Reserve(1_MiB, 4_KiB, "other");
    Grow(5);
  }
  ASSERT_EQ(ready_.size(), 60U);
  for (const ChunkRange& a : ready_) {
    for (const ChunkRange& b : ready_) {
      if (a.end != b.begin) continue;
      ASSERT_EQ(space_.AddressOf(FirstPage(b.begin)) - space_.AddressOf(FirstPage(a.begin)),
                BytesOf(FirstPage(b.begin) - FirstPage(a.begin)));
    }
  }
  CheckConversions();
}

TEST_F(PageSpaceTest, GrowingInOrderMakesFewMappings) {
  ASSERT_TRUE(space_.Init(memory_, options_));
  const size_t before = memory_.range_count();
  for (int i = 0; i < 2500; ++i) ASSERT_NE(Grow(1).size().value, 0U);  // 10 GB
  EXPECT_LE(memory_.range_count(), before + 10);
}

TEST_F(PageSpaceTest, InaccessibleChunksAreRoomAgain) {
  ASSERT_TRUE(space_.Init(memory_, options_));
  const ChunkRange r = Grow(4);
  ASSERT_TRUE(space_.MakeInaccessible(r));
  EXPECT_FALSE(space_.Contains(space_.AddressOf(FirstPage(r.begin))));
  EXPECT_TRUE(space_.HasRoom(r));
  EXPECT_EQ(Grow(4), r);
}

TEST_F(PageSpaceTest, InitWithoutAnyMemoryFailsAndLeavesNothingBehind) {
  memory_.RefuseFrom(1);
  EXPECT_FALSE(space_.Init(memory_, options_));
  EXPECT_EQ(memory_.reserved_bytes() + memory_.ready_bytes(), 0_B);
}

TEST_F(PageSpaceTest, EachRefusedCallDuringInitIsSurvived) {
  for (uint64_t n = 1; n < 12; ++n) {
    FakeMemory memory(FakeMemory::Backing::kKernel);
    memory.RefuseOnly(n);
    PageSpace space;
    ASSERT_TRUE(space.Init(memory, options_)) << "call " << n;
    const ChunkRange r = space.FindRoom(Count(1), 8_KiB);
    if (r.size().value == 0 || !space.MakeReady(r)) {
      const ChunkRange again = space.FindRoom(Count(1), 8_KiB);
      ASSERT_TRUE(space.MakeReady(again));
    }
  }
}

}  // namespace
}  // namespace spanheap
