// SPDX-License-Identifier: MIT
//
// Rows with random lifetimes: rand (allocate K blocks of mixed sizes, free all in a random order)
// and rep (K blocks live, each item frees a random one and allocates another in its place). One
// item is one malloc and one free.
#include <cstdlib>

#include "bench/micro/micro_rows.h"

namespace spanheap::bench {
namespace {

std::uint64_t* AllocateAndWrite(std::size_t size, std::uint64_t value) {
  auto* block = static_cast<std::uint64_t*>(std::malloc(size));
  *block = value;
  return block;
}

Sample RandomOrder(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 7);
  MappedArray<void*> slots(row.count);
  MappedArray<std::uint32_t> order(row.count);
  Shuffle(order, 11);
  std::uint64_t drawn = 0;
  auto cycle = [&] {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      slots[i] = AllocateAndWrite(sizes.At(drawn++), i);
    }
    for (std::size_t i = 0; i < slots.size(); ++i) std::free(slots[order[i]]);
  };
  return Measure(plan, static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) cycle();
  });
}

Sample Replace(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 13);
  MappedArray<void*> slots(row.count);
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = AllocateAndWrite(sizes.At(i), i);
  Random random(17);
  auto replace = [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      void*& slot = slots[random.Below(slots.size())];
      std::free(slot);
      slot = AllocateAndWrite(sizes.At(i), i);
    }
  };
  replace(
      row.count);  // every slot has been replaced once on average: the heap is in its steady state
  return Measure(plan, 1, replace);
}

// The bytes that `row.count` blocks of the row's mix take when laid end to end.
std::size_t TotalBytes(const SizeTable& sizes, std::size_t count) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += (sizes.At(i) + 15) / 16 * 16;
  return total;
}

// What rand cannot avoid: a write to each block in address order, then each slot read once in
// random order.
Sample RandomOrderCeiling(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 7);
  MappedArray<void*> slots(row.count);
  MappedArray<std::uint32_t> order(row.count);
  Shuffle(order, 11);
  MappedArray<char> blocks(TotalBytes(sizes, row.count), Backing::kOrdinary);
  return Measure(plan, static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t cycle = 0; cycle < n; ++cycle) {
      char* at = blocks.data();
      for (std::size_t i = 0; i < slots.size(); ++i) {
        *reinterpret_cast<std::uint64_t*>(at) = i;
        slots[i] = at;
        at += (sizes.At(i) + 15) / 16 * 16;
      }
      for (std::size_t i = 0; i < slots.size(); ++i) Escape(slots[order[i]]);
    }
  });
}

// What rep cannot avoid: a random slot read and written, and a write to a block that was last used
// long ago.
Sample ReplaceCeiling(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 13);
  MappedArray<char*> slots(row.count);
  MappedArray<char> blocks(TotalBytes(sizes, row.count), Backing::kOrdinary);
  char* at = blocks.data();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    slots[i] = at;
    at += (sizes.At(i) + 15) / 16 * 16;
  }
  Random random(17);
  char* spare = slots[0];
  return Measure(plan, 1, [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      char*& slot = slots[random.Below(slots.size())];
      char* next = slot;
      *reinterpret_cast<std::uint64_t*>(spare) = i;
      slot = spare;
      spare = next;
    }
  });
}

constexpr Row kRows[] = {
    {.name = "rand.1k", .measure = RandomOrder, .count = 1000},
    {.name = "rand.100k",
     .measure = RandomOrder,
     .count = 100000,
     .heavy_mib = 32,
     .ceiling = RandomOrderCeiling},
    {.name = "rand.2m",
     .measure = RandomOrder,
     .count = 2000000,
     .heavy_mib = 384,
     .ceiling = RandomOrderCeiling},
    {.name = "rand.web",
     .measure = RandomOrder,
     .count = 20000,
     .mix = Mix::kWeb,
     .heavy_mib = 64,
     .ceiling = RandomOrderCeiling},
    {.name = "rand.large",
     .measure = RandomOrder,
     .count = 300,
     .mix = Mix::kLarge,
     .heavy_mib = 128},
    {.name = "rep.1k", .measure = Replace, .count = 1000},
    {.name = "rep.100k",
     .measure = Replace,
     .count = 100000,
     .heavy_mib = 32,
     .ceiling = ReplaceCeiling},
    {.name = "rep.2m",
     .measure = Replace,
     .count = 2000000,
     .heavy_mib = 384,
     .ceiling = ReplaceCeiling},
    {.name = "rep.web",
     .measure = Replace,
     .count = 20000,
     .mix = Mix::kWeb,
     .heavy_mib = 64,
     .ceiling = ReplaceCeiling},
    {.name = "rep.mixed", .measure = Replace, .count = 10000, .mix = Mix::kMixed, .heavy_mib = 32},
    {.name = "rep.large", .measure = Replace, .count = 300, .mix = Mix::kLarge, .heavy_mib = 128},
};

}  // namespace

std::span<const Row> LifetimeRows() { return kRows; }

}  // namespace spanheap::bench
