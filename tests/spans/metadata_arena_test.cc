// SPDX-License-Identifier: MIT
#include "spans/metadata_arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "os/fake_memory.h"

namespace spanheap {
namespace {

struct Piece {
  unsigned char* at;
  size_t size;
  unsigned char mark;
};

bool IsAll(const Piece& piece, unsigned char value) {
  for (size_t i = 0; i < piece.size; ++i) {
    if (piece.at[i] != value) return false;
  }
  return true;
}

// Takes pieces of random sizes, marks them, and looks whether all keep their marks.
void TakeAndMark(MetadataArena& arena, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<Piece> pieces;
  for (int i = 0; i < 400; ++i) {
    const size_t size = 1 + random() % (i % 50 == 0 ? 400'000 : 3000);
    const size_t alignment = size_t{1} << (random() % 13);
    void* const p = arena.Allocate(Bytes(size), Bytes(alignment));
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % alignment, 0U);
    const auto mark = static_cast<unsigned char>(1 + random() % 255);
    const Piece piece{static_cast<unsigned char*>(p), size, mark};
    EXPECT_TRUE(IsAll(piece, 0));
    memset(p, mark, size);
    pieces.push_back(piece);
  }
  for (const Piece& piece : pieces) EXPECT_TRUE(IsAll(piece, piece.mark));
}

TEST(MetadataArenaTest, PiecesAreZeroAlignedAndApart) {
  os::FakeMemory memory(os::FakeMemory::Backing::kKernel);
  MetadataArena arena;
  arena.Init(memory);
  TakeAndMark(arena, 1);
  EXPECT_EQ(arena.mapped(), memory.ready_bytes());
}

TEST(MetadataArenaTest, ThreadsDoNotShareAPiece) {
  os::FakeMemory memory(os::FakeMemory::Backing::kKernel);
  MetadataArena arena;
  arena.Init(memory);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&arena, i] { TakeAndMark(arena, i + 1); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(arena.mapped(), memory.ready_bytes());
}

TEST(MetadataArenaTest, ARefusalIsNullAndTheNextCallWorks) {
  os::FakeMemory memory(os::FakeMemory::Backing::kKernel);
  MetadataArena arena;
  arena.Init(memory);
  for (uint64_t n = 1; n <= 2; ++n) {
    memory.RefuseOnly(n);
    EXPECT_EQ(arena.Allocate(1_MiB, 64_B), nullptr) << n;
    EXPECT_EQ(arena.mapped(), memory.ready_bytes());
  }
  EXPECT_NE(arena.Allocate(1_MiB, 64_B), nullptr);
}

}  // namespace
}  // namespace spanheap
