// SPDX-License-Identifier: MIT
//
// Rows with a fixed order of frees: pair (allocate, write, free at once), fifo (oldest first), lifo
// (newest first) and shuf (all at once, in a shuffled order). One item is one malloc and one free.
#include <cstdlib>

#include "bench/micro/micro_rows.h"

namespace spanheap::bench {
namespace {

Sample Pair(const Row& row, const Plan& plan) {
  return Measure(plan, 1, [&](std::uint64_t n) {
    const std::size_t size = row.size;
    for (std::uint64_t i = 0; i < n; ++i) {
      auto* block = static_cast<std::uint64_t*>(std::malloc(size));
      *block = i;
      Escape(block);
      std::free(block);
    }
  });
}

// `row.count` blocks live; each item frees the oldest and allocates a new one.
template <class SizeAt>
Sample Fifo(const Row& row, const Plan& plan, SizeAt size_at) {
  MappedArray<void*> ring(row.count);
  for (std::size_t i = 0; i < ring.size(); ++i) ring[i] = std::malloc(size_at(i));
  std::size_t oldest = 0;
  return Measure(plan, 1, [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      std::free(ring[oldest]);
      auto* block = static_cast<std::uint64_t*>(std::malloc(size_at(i)));
      *block = i;
      ring[oldest] = block;
      oldest = oldest + 1 == ring.size() ? 0 : oldest + 1;
    }
  });
}

Sample FifoOneSize(const Row& row, const Plan& plan) {
  return Fifo(row, plan, [size = row.size](std::uint64_t) { return size; });
}

Sample FifoMixed(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 3);
  return Fifo(row, plan, [&](std::uint64_t i) { return sizes.At(i); });
}

// Allocates `row.count` blocks of one size and frees slot at(i) for i = 0, 1, ...
template <class SlotAt>
Sample FillAndDrain(const Row& row, const Plan& plan, SlotAt slot_at) {
  MappedArray<void*> slots(row.count);
  return Measure(plan, static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t cycle = 0; cycle < n; ++cycle) {
      for (std::size_t i = 0; i < slots.size(); ++i) {
        auto* block = static_cast<std::uint64_t*>(std::malloc(row.size));
        *block = i;
        slots[i] = block;
      }
      for (std::size_t i = 0; i < slots.size(); ++i) std::free(slots[slot_at(i)]);
    }
  });
}

Sample Lifo(const Row& row, const Plan& plan) {
  return FillAndDrain(row, plan, [&](std::size_t i) { return row.count - 1 - i; });
}

Sample Shuffled(const Row& row, const Plan& plan) {
  MappedArray<std::uint32_t> order(row.count);
  Shuffle(order, 5);
  return FillAndDrain(row, plan, [&](std::size_t i) { return order[i]; });
}

// What Lifo and Shuffled cannot avoid: one write to each block, one write and one read of each
// slot.
Sample WriteEachBlock(const Row& row, const Plan& plan) {
  MappedArray<char> blocks(row.count * row.size, Backing::kOrdinary);
  MappedArray<void*> slots(row.count);
  return Measure(plan, static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t cycle = 0; cycle < n; ++cycle) {
      for (std::size_t i = 0; i < slots.size(); ++i) {
        auto* block = reinterpret_cast<std::uint64_t*>(blocks.data() + i * row.size);
        *block = i;
        slots[i] = block;
      }
      for (std::size_t i = slots.size(); i > 0; --i) Escape(slots[i - 1]);
    }
  });
}

constexpr Row kRows[] = {
    {.name = "pair.16", .measure = Pair, .size = 16},
    {.name = "pair.64", .measure = Pair, .size = 64},
    {.name = "pair.256", .measure = Pair, .size = 256},
    {.name = "pair.1024", .measure = Pair, .size = 1024},
    {.name = "pair.4096", .measure = Pair, .size = 4096},
    {.name = "pair.16384", .measure = Pair, .size = 16384},
    {.name = "pair.32768", .measure = Pair, .size = 32768},
    {.name = "pair.65536", .measure = Pair, .size = 65536},
    {.name = "pair.262144", .measure = Pair, .size = 262144},
    {.name = "pair.1048576", .measure = Pair, .size = 1048576},
    {.name = "pair.8388608", .measure = Pair, .size = 8388608, .heavy_mib = 16},
    {.name = "fifo.64", .measure = FifoOneSize, .size = 64, .count = 1000},
    {.name = "fifo.small", .measure = FifoMixed, .count = 1000, .mix = Mix::kSmall},
    {.name = "fifo.mixed", .measure = FifoMixed, .count = 1000, .mix = Mix::kMixed},
    {.name = "lifo.64.1k", .measure = Lifo, .size = 64, .count = 1000},
    {.name = "lifo.64.100k",
     .measure = Lifo,
     .size = 64,
     .count = 100000,
     .heavy_mib = 16,
     .ceiling = WriteEachBlock},
    {.name = "shuf.64.100k",
     .measure = Shuffled,
     .size = 64,
     .count = 100000,
     .heavy_mib = 16,
     .ceiling = WriteEachBlock},
    {.name = "shuf.16384.1k",
     .measure = Shuffled,
     .size = 16384,
     .count = 1000,
     .heavy_mib = 32,
     .ceiling = WriteEachBlock},
};

}  // namespace

std::span<const Row> PairRows() { return kRows; }

}  // namespace spanheap::bench
