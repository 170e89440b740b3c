// SPDX-License-Identifier: MIT
#include "spans/cell_array.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "os/fake_memory.h"

namespace spanheap {
namespace {

constexpr uint32_t kPage = 64;  // cells

class CellArrayTest : public ::testing::Test {
 protected:
  void SetUp() override { Init(cells_, 1 << 16, Bytes(64), &gauge_); }
  void Init(CellArray& cells, uint32_t capacity, Bytes cell, MemoryGauge* gauge) {
    const Bytes size = CellArray::SpaceFor(capacity, cell);
    const Address space = memory_.Reserve(size, CellArray::kStep, "cells");
    ASSERT_NE(space, Address());
    cells.Init(memory_, space, capacity, cell, gauge);
  }

  char* At(uint32_t cell) const { return cells_.As<char>() + size_t{cell} * 64; }
  std::vector<uint32_t> TakeMany(int count) {
    std::vector<uint32_t> taken;
    for (int i = 0; i < count; ++i) {
      taken.push_back(cells_.Take(0));
      std::memset(At(taken.back()), 1, 64);
    }
    return taken;
  }
  // Rows of one, two and four cells, of which each byte is `mine` until they are given.
  void TakeAndGive(char mine) {
    std::vector<uint32_t> taken(5 * size_t{kPage});
    for (int round = 0; round < 50; ++round) {
      for (unsigned i = 0; i < taken.size(); ++i) {
        taken[i] = cells_.Take(i % 3);
        std::memset(At(taken[i]), mine, size_t{64} << i % 3);
      }
      for (unsigned i = 0; i < taken.size(); ++i) {
        EXPECT_EQ(At(taken[i])[0], mine);
        EXPECT_EQ(At(taken[i])[(64 << i % 3) - 1], mine);
        cells_.Give(taken[i], i % 3);
      }
    }
  }
  size_t given_back() const { return memory_.calls().released.value; }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  MemoryGauge gauge_;
  CellArray cells_;
};

TEST_F(CellArrayTest, CellsAreDistinctAndLowestFirst) {
  const std::vector<uint32_t> taken = TakeMany(3000);
  for (uint32_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i], i + 1);
  EXPECT_EQ(cells_.end(), 3001U);
  cells_.Give(2000, 0);
  cells_.Give(70, 0);
  EXPECT_EQ(cells_.Take(0), 70U);
  EXPECT_EQ(cells_.Take(0), 2000U);
}

TEST_F(CellArrayTest, RowsAreAlignedAndApart) {
  std::mt19937 random(1);
  std::set<uint32_t> used;
  std::vector<std::pair<uint32_t, unsigned>> rows;
  for (int i = 0; i < 20'000; ++i) {
    if (!rows.empty() && random() % 5 < 2) {
      std::swap(rows[random() % rows.size()], rows.back());
      const auto [first, order] = rows.back();
      rows.pop_back();
      for (uint32_t c = first; c < first + (1U << order); ++c) used.erase(c);
      cells_.Give(first, order);
      continue;
    }
    const auto order = static_cast<unsigned>(random() % CellArray::kOrders);
    const uint32_t first = cells_.Take(order);
    ASSERT_NE(first, 0U);
    ASSERT_EQ(first % (1U << order), 0U);
    for (uint32_t c = first; c < first + (1U << order); ++c) ASSERT_TRUE(used.insert(c).second);
    rows.emplace_back(first, order);
  }
}

TEST_F(CellArrayTest, UnusedPagesGoBackAtTheSecondTick) {
  const std::vector<uint32_t> taken = TakeMany(10 * kPage);
  for (const uint32_t cell : taken) {
    if (cell / kPage != 5) cells_.Give(cell, 0);
  }
  cells_.GiveBackIdle();
  EXPECT_EQ(given_back(), 0U);
  cells_.GiveBackIdle();
  // The first one holds cell 0, the sixth what was kept; of the last one cell was used.
  EXPECT_EQ(given_back(), 9 * 4096U);
  EXPECT_EQ(At(5 * kPage)[0], 1);
  EXPECT_EQ(cells_.Take(0), 1U);
}

TEST_F(CellArrayTest, WhatIsUsedBetweenTwoTicksStays) {
  const std::vector<uint32_t> taken = TakeMany(4 * kPage);
  for (const uint32_t cell : taken) cells_.Give(cell, 0);
  for (int tick = 0; tick < 5; ++tick) {
    cells_.GiveBackIdle();
    for (const uint32_t cell : TakeMany(4 * kPage)) cells_.Give(cell, 0);
  }
  EXPECT_EQ(given_back(), 0U);
}

TEST_F(CellArrayTest, CellsOfPagesThatWentAreThereAgain) {
  for (int round = 0; round < 3; ++round) {
    const std::vector<uint32_t> taken = TakeMany(20 * kPage);
    EXPECT_EQ(taken.back(), 20 * kPage);
    for (const uint32_t cell : taken) cells_.Give(cell, 0);
    cells_.GiveBackIdle();
    cells_.GiveBackIdle();
    EXPECT_EQ(At(3 * kPage)[7], 0);
  }
}

TEST_F(CellArrayTest, ThereAreAsManyAsWereAskedFor) {
  uint32_t got = 0;
  while (cells_.Take(0) != 0) ++got;
  EXPECT_EQ(got, (1U << 16) - 1);
  EXPECT_EQ(cells_.Take(4), 0U);
  for (uint32_t cell = 160; cell < 176; ++cell) cells_.Give(cell, 0);
  EXPECT_EQ(cells_.Take(4), 160U);
}

TEST_F(CellArrayTest, SmallerCellsShareAPageToTheLast) {
  CellArray small;
  Init(small, 1 << 12, Bytes(32), nullptr);
  std::vector<uint32_t> taken(1024);  // eight pages
  for (uint32_t& cell : taken) cell = small.Take(0);
  for (const uint32_t cell : taken) {
    if (cell / 128 != 3 || cell % 128 == 127) small.Give(cell, 0);
  }
  for (const uint32_t cell : {3U * 128 + 64, 3U * 128 + 1}) small.Give(cell, 0);
  small.GiveBackIdle();
  small.GiveBackIdle();
  EXPECT_EQ(given_back(), 7 * 4096U);  // not that of cell 0, nor the fourth
  EXPECT_EQ(small.Take(0), 1U);
}

// Each writes to what it has, while pages of the others' go back.
TEST_F(CellArrayTest, WhoHasACellIsAloneWithIt) {
  std::atomic<bool> stop{false};
  std::thread clock([&] {
    while (!stop.load()) cells_.GiveBackIdle();
  });
  std::thread other([this] { TakeAndGive(1); });
  TakeAndGive(2);
  other.join();
  stop.store(true);
  clock.join();
}

TEST_F(CellArrayTest, WhatIsMadeReadyIsCharged) {
  EXPECT_EQ(gauge_.counted(), cells_.mapped().value);
  TakeMany(20'000);
  EXPECT_EQ(gauge_.counted(), cells_.mapped().value);
  EXPECT_GE(cells_.mapped().value, 20'000U * 64);
}

}  // namespace
}  // namespace spanheap
