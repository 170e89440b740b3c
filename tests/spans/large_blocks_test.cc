// SPDX-License-Identifier: MIT
//
// LargeBlocks: a random script against a plain map, content across every kind of resize, refusals
// at every call to the OS.
#include "spans/large_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <vector>

#include "base/bits.h"
#include "models/script_random.h"
#include "os/fake_memory.h"

namespace spanheap {
namespace {

// Windows from one memory, where they may be made up, and the table of windows from another.
class LargeBlocksFixture {
 public:
  explicit LargeBlocksFixture(os::FakeMemory::Backing backing) : windows_(backing) {
    metadata_.Init(records_);
    large_.Init(windows_, metadata_);
  }
  LargeBlocks& large() { return large_; }
  os::FakeMemory& windows() { return windows_; }
  os::FakeMemory& records() { return records_; }

  void ExpectCounts(uint64_t count, Bytes bytes) {
    EXPECT_EQ(large_.live_count(), count);
    EXPECT_EQ(large_.live_bytes(), bytes);
    EXPECT_EQ(windows_.ready_bytes(), bytes);
    EXPECT_EQ(windows_.ready_bytes() + windows_.reserved_bytes(), large_.reserved_bytes());
  }

 private:
  os::FakeMemory windows_;
  os::FakeMemory records_{os::FakeMemory::Backing::kKernel};
  MetadataArena metadata_;
  LargeBlocks large_;
};

TEST(LargeBlocksPlaceTest, WhereNoBlockCanStartIsKnownWithoutALock) {
  LargeBlocksFixture fixture(os::FakeMemory::Backing::kNone);
  LargeBlocks& large = fixture.large();
  EXPECT_FALSE(large.MayStartAt(Address((1024_GiB).value))) << "there has been none";
  void* a = large.Allocate(40_MiB, 16_B);
  void* b = large.Allocate(40_MiB, 1_GiB);
  for (void* block : {a, b}) {
    EXPECT_TRUE(large.MayStartAt(AddressOf(block)));
    EXPECT_FALSE(large.MayStartAt(AddressOf(block) + 16_B));
    EXPECT_FALSE(large.MayStartAt(AddressOf(block) + os::PageSize()));
    EXPECT_TRUE(large.Free(block));
    EXPECT_TRUE(large.MayStartAt(AddressOf(block))) << "a second free is told apart later";
  }
}

TEST(LargeBlocksLimitTest, BlocksAreChargedAndTheCeilingIsNeverPassed) {
  os::FakeMemory windows(os::FakeMemory::Backing::kNone);
  os::FakeMemory records(os::FakeMemory::Backing::kKernel);
  MetadataArena metadata;
  metadata.Init(records);
  MemoryGauge gauge;
  LargeBlocks large;
  large.Init(windows, metadata, &gauge);
  void* a = large.Allocate(40_MiB, 16_B);
  EXPECT_EQ(gauge.counted(), (40_MiB).value);
  gauge.SetCeiling((100_MiB).value);
  EXPECT_EQ(large.Allocate(61_MiB, 16_B), nullptr);
  EXPECT_EQ(large.Resize(a, 101_MiB), nullptr);
  EXPECT_EQ(gauge.counted(), (40_MiB).value);
  EXPECT_EQ(large.Resize(a, 60_MiB), a);
  EXPECT_EQ(gauge.counted(), (60_MiB).value);
  void* b = large.Allocate(40_MiB, 16_B);
  EXPECT_NE(b, nullptr);
  EXPECT_EQ(gauge.counted(), (100_MiB).value);
  EXPECT_EQ(large.Resize(a, 35_MiB), a);
  EXPECT_EQ(gauge.counted(), (75_MiB).value);
  gauge.SetCeiling(MemoryGauge::kNone);
  windows.RefuseFrom(1);
  EXPECT_EQ(large.Allocate(33_MiB, 16_B), nullptr);
  EXPECT_EQ(large.Resize(a, 70_MiB), nullptr);
  EXPECT_EQ(gauge.counted(), (75_MiB).value) << "what the OS refuses is not charged";
  EXPECT_TRUE(large.Free(a));
  EXPECT_TRUE(large.Free(b));
  EXPECT_EQ(gauge.counted(), 0U);
}

Bytes Rounded(Bytes size) { return RoundUp(size, os::PageSize()); }

Bytes RandomSize(ScriptRandom& random) {
  return (32_MiB) + Bytes(1 + random.Below(uint64_t{1} << (10 + random.Below(22))));
}

// The script's model: what lives where.
class LargeBlocksScript {
 public:
  explicit LargeBlocksScript(uint64_t seed) : random_(seed) {}

  void Step() {
    if (blocks_.size() < 100 && random_.OneIn(2)) return Allocate();
    if (blocks_.empty()) return;
    auto it = blocks_.begin();
    std::advance(it, random_.Below(blocks_.size()));
    if (random_.OneIn(2)) return Free(it->first);
    Resize(it->first);
  }
  void Check() {
    Bytes sum;
    for (const auto& [start, size] : blocks_) {
      sum += size;
      EXPECT_EQ(fixture_.large().SizeAt(start), size);
      EXPECT_EQ(fixture_.large().SizeAt(start + 16_B), Bytes(0));
      EXPECT_TRUE(fixture_.large().Contains(start + size - 1_B));
    }
    fixture_.ExpectCounts(blocks_.size(), sum);
  }
  void FreeAll() {
    while (!blocks_.empty()) Free(blocks_.begin()->first);
  }

 private:
  void Allocate() {
    const Bytes size = RandomSize(random_);
    const Bytes alignment(size_t{16} << random_.Below(27));
    void* const block = fixture_.large().Allocate(size, alignment);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(AddressOf(block).value % alignment.value, 0U);
    Enter(AddressOf(block), Rounded(size));
  }
  void Enter(Address start, Bytes size) {
    const auto above = blocks_.upper_bound(start);
    if (above != blocks_.end()) {
      EXPECT_LE(start + size, above->first);
    }
    if (above != blocks_.begin()) {
      EXPECT_LE(std::prev(above)->first + std::prev(above)->second, start);
    }
    EXPECT_TRUE(blocks_.emplace(start, size).second);
  }
  void Resize(Address start) {
    const Bytes size = RandomSize(random_);
    void* const block = fixture_.large().Resize(PointerTo(start), size);
    ASSERT_NE(block, nullptr);
    const bool had_room = Rounded(size) <= blocks_[start];
    blocks_.erase(start);
    if (had_room) {
      EXPECT_EQ(AddressOf(block), start);
    }
    Enter(AddressOf(block), Rounded(size));
  }
  void Free(Address start) {
    EXPECT_FALSE(fixture_.large().Free(PointerTo(start + 4_KiB)));
    EXPECT_TRUE(fixture_.large().Free(PointerTo(start)));
    EXPECT_FALSE(fixture_.large().Free(PointerTo(start)));
    EXPECT_FALSE(fixture_.large().Contains(start));
    blocks_.erase(start);
  }

  LargeBlocksFixture fixture_{os::FakeMemory::Backing::kNone};
  ScriptRandom random_;
  std::map<Address, Bytes> blocks_;
};

TEST(LargeBlocksTest, BehavesAsAMapOverARandomScript) {
  LargeBlocksScript script(7);
  for (int step = 0; step < 5000 && !testing::Test::HasFailure(); ++step) {
    script.Step();
    if (step % 20 == 0) script.Check();
  }
  script.FreeAll();
  script.Check();
}

TEST(LargeBlocksTest, AWindowLeavesRoomUpToTheNextPowerOfTwo) {
  LargeBlocksFixture fixture(os::FakeMemory::Backing::kNone);
  for (const Bytes size : {33_MiB, 64_MiB, 65_MiB, 1000_MiB, 1025_MiB}) {
    void* const block = fixture.large().Allocate(size, 16_B);
    const Bytes window(std::max<size_t>(std::bit_ceil(size.value), size_t{64} << 20));
    EXPECT_EQ(fixture.large().reserved_bytes(), window);
    EXPECT_EQ(fixture.large().Resize(block, window), block);
    void* const moved = fixture.large().Resize(block, window + 1_B);
    EXPECT_NE(moved, block);
    EXPECT_FALSE(fixture.large().Contains(AddressOf(block)));
    EXPECT_TRUE(fixture.large().Free(moved));
    fixture.ExpectCounts(0, Bytes(0));
  }
}

TEST(LargeBlocksTest, WithLittleAddressSpaceABlockDoesWithoutHeadRoom) {
  LargeBlocksFixture fixture(os::FakeMemory::Backing::kNone);
  fixture.windows().set_address_space(100_MiB);
  void* const block = fixture.large().Allocate(70_MiB, 16_B);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(fixture.large().reserved_bytes(), 96_MiB);
  EXPECT_EQ(fixture.large().Allocate(40_MiB, 16_B), nullptr);
  EXPECT_EQ(fixture.large().Resize(block, 97_MiB), nullptr);
  EXPECT_EQ(fixture.large().Resize(block, 96_MiB), block);
  fixture.ExpectCounts(1, 96_MiB);
  EXPECT_TRUE(fixture.large().Free(block));
}

// As many blocks of this size as there are to be had; all are freed again.
size_t BlocksToBeHad(LargeBlocks& large, Bytes size) {
  std::vector<void*> blocks;
  while (void* block = large.Allocate(size, 16_B)) blocks.push_back(block);
  for (void* block : blocks) EXPECT_TRUE(large.Free(block));
  return blocks.size();
}

TEST(LargeBlocksTest, ALimitedAddressSpaceIsBlocksAndNoHeadRoom) {
  LargeBlocksFixture fixture(os::FakeMemory::Backing::kNone);
  fixture.large().SpareAddressSpace();
  fixture.windows().set_address_space(1000_MiB);
  EXPECT_EQ(BlocksToBeHad(fixture.large(), 70_MiB), 14U);
  EXPECT_EQ(BlocksToBeHad(fixture.large(), 40_MiB), 25U);
  EXPECT_EQ(BlocksToBeHad(fixture.large(), 33_MiB + 1_B), 30U);
  fixture.ExpectCounts(0, Bytes(0));
}

TEST(LargeBlocksTest, WithoutHeadRoomABlockStillGrowsAndIsAlignedAsAsked) {
  LargeBlocksFixture fixture(os::FakeMemory::Backing::kKernel);
  fixture.large().SpareAddressSpace();
  void* block = fixture.large().Allocate(40_MiB, 1_GiB);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(AddressOf(block).value % (1_GiB).value, 0U);
  *static_cast<char*>(block) = 7;
  block = fixture.large().Resize(block, 100_MiB);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(*static_cast<char*>(block), 7);
  EXPECT_EQ(fixture.large().reserved_bytes(), 100_MiB);
  EXPECT_EQ(fixture.large().Resize(block, 50_MiB), block);
  EXPECT_EQ(fixture.large().Resize(block, 100_MiB), block);
  EXPECT_TRUE(fixture.large().Free(block));
  fixture.ExpectCounts(0, Bytes(0));
}

// The first and the last byte of each MiB, so that few pages become resident.
constexpr size_t kStride = 1 << 20;

void Mark(void* block, Bytes size, unsigned char mark) {
  auto* bytes = static_cast<unsigned char*>(block);
  for (size_t at = 0; at < size.value; at += kStride) bytes[at] = bytes[at + kStride - 1] = mark;
}

bool IsMarked(const void* block, Bytes from, Bytes to, unsigned char mark) {
  const auto* bytes = static_cast<const unsigned char*>(block);
  for (size_t at = from.value; at < to.value; at += kStride) {
    if (bytes[at] != mark || bytes[at + kStride - 1] != mark) return false;
  }
  return true;
}

TEST(LargeBlocksTest, ContentSurvivesGrowthMovesAndShrinkingAndNewBytesAreZero) {
  LargeBlocksFixture fixture(os::FakeMemory::Backing::kKernel);
  void* block = fixture.large().Allocate(33_MiB, 16_B);
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(IsMarked(block, Bytes(0), 33_MiB, 0));
  Mark(block, 33_MiB, 1);
  block = fixture.large().Resize(block, 60_MiB);  // in place
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(IsMarked(block, Bytes(0), 33_MiB, 1));
  EXPECT_TRUE(IsMarked(block, 33_MiB, 60_MiB, 0));
  Mark(block, 60_MiB, 2);
  block = fixture.large().Resize(block, 200_MiB);  // into a larger window
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(IsMarked(block, Bytes(0), 60_MiB, 2));
  EXPECT_TRUE(IsMarked(block, 60_MiB, 200_MiB, 0));
  Mark(block, 200_MiB, 3);
  EXPECT_EQ(fixture.large().Resize(block, 40_MiB), block);
  EXPECT_EQ(fixture.large().Resize(block, 80_MiB), block);
  EXPECT_TRUE(IsMarked(block, Bytes(0), 40_MiB, 3));
  EXPECT_TRUE(IsMarked(block, 40_MiB, 80_MiB, 0));
  fixture.ExpectCounts(1, 80_MiB);
  EXPECT_TRUE(fixture.large().Free(block));
  fixture.ExpectCounts(0, Bytes(0));
}

// One block through its life, whatever is refused meanwhile.
void LiveThroughRefusals(LargeBlocksFixture& fixture) {
  LargeBlocks& large = fixture.large();
  void* block = large.Allocate(33_MiB, 16_B);
  if (block == nullptr) {
    fixture.ExpectCounts(0, Bytes(0));
    return;
  }
  Bytes size = 33_MiB;
  Mark(block, size, 9);
  for (const Bytes next : {50_MiB, 100_MiB, 400_MiB, 90_MiB}) {
    void* const now = large.Resize(block, next);
    if (now != nullptr) {
      block = now;
      size = large.SizeAt(AddressOf(now));
    }
    EXPECT_EQ(large.SizeAt(AddressOf(block)), size);
    EXPECT_TRUE(IsMarked(block, Bytes(0), 33_MiB, 9));
    fixture.ExpectCounts(1, size);
  }
  EXPECT_TRUE(large.Free(block));
  fixture.ExpectCounts(0, Bytes(0));
}

TEST(LargeBlocksTest, ARefusalAtAnyCallLosesNothing) {
  for (const bool all_after : {false, true}) {
    uint64_t n = 1;
    for (bool reached = true; reached; ++n) {
      LargeBlocksFixture fixture(os::FakeMemory::Backing::kKernel);
      all_after ? fixture.windows().RefuseFrom(n) : fixture.windows().RefuseOnly(n);
      LiveThroughRefusals(fixture);
      reached = fixture.windows().calls().refused > 0;
      fixture.windows().RefuseFrom(0);
      LiveThroughRefusals(fixture);
    }
    EXPECT_GT(n, 6U);
  }
}

TEST(LargeBlocksTest, ARefusalOfTheTableLosesNothing) {
  LargeBlocksFixture fixture(os::FakeMemory::Backing::kNone);
  fixture.records().RefuseFrom(1);
  EXPECT_EQ(fixture.large().Allocate(40_MiB, 16_B), nullptr);
  fixture.ExpectCounts(0, Bytes(0));
  fixture.records().RefuseFrom(0);
  std::vector<void*> blocks;
  for (int i = 0; i < 200; ++i) {  // the table doubles twice
    blocks.push_back(fixture.large().Allocate(40_MiB, 16_B));
    ASSERT_NE(blocks.back(), nullptr);
  }
  fixture.ExpectCounts(200, 40_MiB * 200);
  for (void* block : blocks) EXPECT_TRUE(fixture.large().Free(block));
  fixture.ExpectCounts(0, Bytes(0));
}

}  // namespace
}  // namespace spanheap
