// SPDX-License-Identifier: MIT
//
// Program: one named benchmark of this folder, what it is given and what it tells.
//
// Idea.   A program counts what it did (items) and adds up what it saw (checksum): every heap must
//         come to the same sum. It measures nothing but its own gaps; time, processor time and
//         memory are taken around it.
#pragma once

#include <cstdint>
#include <span>

#include "bench/gc/gap_watch.h"
#include "bench/gc/heap.h"
#include "bench/harness/measure.h"

namespace spanheap::bench {

struct Outcome {
  std::uint64_t checksum = 0;
  std::uint64_t items = 0;
  Gaps gaps{};
};

// Of several threads.
inline Outcome Sum(std::span<const Outcome> outcomes) {
  Outcome sum;
  for (const Outcome& each : outcomes) {
    sum.checksum += each.checksum;
    sum.items += each.items;
    sum.gaps.Add(each.gaps);
  }
  return sum;
}

// `size`: how much work, as the program says; `count`: a second measure of it.
struct Program {
  const char* name;
  Outcome (*run)(std::uint64_t size, std::uint64_t count);
};

Outcome BinaryTrees(std::uint64_t size, std::uint64_t count);
Outcome ThreadsTrees(std::uint64_t size, std::uint64_t count);
Outcome GcBench(std::uint64_t size, std::uint64_t count);
Outcome AllocateBytes(std::uint64_t size, std::uint64_t count);
Outcome AllocateScanned(std::uint64_t size, std::uint64_t count);
Outcome RandomGraph(std::uint64_t size, std::uint64_t count);
Outcome MessageRing(std::uint64_t size, std::uint64_t count);
Outcome ListStorm(std::uint64_t size, std::uint64_t count);
Outcome WideArrays(std::uint64_t size, std::uint64_t count);
Outcome SmallMaps(std::uint64_t size, std::uint64_t count);
Outcome NoHeap(std::uint64_t size, std::uint64_t count);

}  // namespace spanheap::bench
