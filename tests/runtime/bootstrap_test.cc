// SPDX-License-Identifier: MIT
#include "runtime/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace spanheap {
namespace {

constexpr size_t kArena = 64 << 10;

// Takes blocks of changing sizes until there is none, and marks each with a number of its own.
std::vector<unsigned char*> TakeAll(Bootstrap& bootstrap, unsigned seed) {
  std::vector<unsigned char*> blocks;
  for (size_t n = seed; void* block = bootstrap.Allocate(n % 300); n += 37) {
    const auto* bytes = static_cast<unsigned char*>(block);
    for (size_t i = 0; i < n % 300; ++i) EXPECT_EQ(bytes[i], 0);
    memset(block, static_cast<int>(1 + (seed + blocks.size()) % 250), n % 300);
    blocks.push_back(static_cast<unsigned char*>(block));
  }
  return blocks;
}

void ExpectMarksIntact(const std::vector<unsigned char*>& blocks, unsigned seed) {
  for (size_t b = 0; b < blocks.size(); ++b) {
    for (size_t i = 0; i < (seed + 37 * b) % 300; ++i) {
      ASSERT_EQ(blocks[b][i], 1 + (seed + b) % 250) << "block " << b;
    }
  }
}

TEST(BootstrapTest, BlocksAreZeroAlignedAndApartAndKnowTheirSize) {
  const auto bootstrap = std::make_unique<Bootstrap>();
  const std::vector<unsigned char*> blocks = TakeAll(*bootstrap, 3);
  EXPECT_GT(blocks.size(), 300U);
  ExpectMarksIntact(blocks, 3);
  for (size_t b = 0; b < blocks.size(); ++b) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks[b]) % 16, 0U);
    EXPECT_TRUE(bootstrap->Contains(blocks[b]));
    EXPECT_GE(Bootstrap::SizeOf(blocks[b]), std::max<size_t>((3 + 37 * b) % 300, 1));
    EXPECT_LE(Bootstrap::SizeOf(blocks[b]), (3 + 37 * b) % 300 + 16);
  }
}

TEST(BootstrapTest, ThreadsDoNotShareABlock) {
  const auto bootstrap = std::make_unique<Bootstrap>();
  std::vector<unsigned char*> blocks[4];
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] { blocks[i] = TakeAll(*bootstrap, i); });
  }
  for (std::thread& thread : threads) thread.join();
  for (unsigned i = 0; i < 4; ++i) ExpectMarksIntact(blocks[i], i);
}

TEST(BootstrapTest, KnowsWhatIsNotItsOwn) {
  const auto bootstrap = std::make_unique<Bootstrap>();
  int elsewhere = 0;
  EXPECT_FALSE(bootstrap->Contains(&elsewhere));
  EXPECT_FALSE(bootstrap->Contains(nullptr));
  EXPECT_FALSE(bootstrap->Contains(reinterpret_cast<char*>(bootstrap.get()) + kArena));
}

TEST(BootstrapTest, ARequestThatDoesNotFitLeavesTheRestForSmallerOnes) {
  const auto bootstrap = std::make_unique<Bootstrap>();
  for (const size_t n : {kArena, kArena + 1, SIZE_MAX, SIZE_MAX - 15}) {
    EXPECT_EQ(bootstrap->Allocate(n), nullptr);
  }
  EXPECT_NE(bootstrap->Allocate(kArena / 2), nullptr);
  EXPECT_EQ(bootstrap->Allocate(kArena / 2), nullptr);
  EXPECT_NE(bootstrap->Allocate(kArena / 2 - 32), nullptr);
  EXPECT_EQ(bootstrap->Allocate(1), nullptr);
}

TEST(BootstrapTest, EmptyRequestsGetBlocksOfTheirOwnInsideTheArena) {
  const auto bootstrap = std::make_unique<Bootstrap>();
  void* last = nullptr;
  size_t count = 0;
  while (void* block = bootstrap->Allocate(0)) {
    EXPECT_NE(block, last);
    EXPECT_TRUE(bootstrap->Contains(block));
    EXPECT_GT(Bootstrap::SizeOf(block), 0U);
    last = block;
    ++count;
  }
  EXPECT_EQ(count, kArena / 32);
}

}  // namespace
}  // namespace spanheap
