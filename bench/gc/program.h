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

#include "bench/gc/heap.h"
#include "bench/harness/measure.h"

namespace spanheap::bench {

struct Outcome {
  std::uint64_t checksum = 0;
  std::uint64_t items = 0;
  std::uint64_t longest_gap_ns = 0;
  std::uint64_t long_gaps = 0;  // those above 1 ms
};

// Of several threads.
inline Outcome Sum(std::span<const Outcome> outcomes) {
  Outcome sum;
  for (const Outcome& each : outcomes) {
    sum.checksum += each.checksum;
    sum.items += each.items;
    if (each.longest_gap_ns > sum.longest_gap_ns) sum.longest_gap_ns = each.longest_gap_ns;
    sum.long_gaps += each.long_gaps;
  }
  return sum;
}

// `size`: how much work, as the program says; `count`: a second measure of it.
struct Program {
  const char* name;
  Outcome (*run)(std::uint64_t size, std::uint64_t count);
};

// The longest time between two looks at the clock, by the thread itself: whatever keeps a thread
// from going on is in it. It looks at every kStride-th call.
class GapWatch {
 public:
  void Tick() {
    if (++ticks_ % kStride == 0) Look();
  }
  void Look() {
    const auto now = static_cast<std::uint64_t>(WallNs());
    const std::uint64_t gap = last_ns_ != 0 ? now - last_ns_ : 0;
    last_ns_ = now;
    if (gap > longest_ns_) longest_ns_ = gap;
    if (gap > kLong_ns) ++long_;
  }
  void AddTo(Outcome& outcome) const {
    if (longest_ns_ > outcome.longest_gap_ns) outcome.longest_gap_ns = longest_ns_;
    outcome.long_gaps += long_;
  }

 private:
  static constexpr std::uint64_t kStride = 16;
  static constexpr std::uint64_t kLong_ns = 1'000'000;

  std::uint64_t ticks_ = 0;
  std::uint64_t last_ns_ = 0;
  std::uint64_t longest_ns_ = 0;
  std::uint64_t long_ = 0;
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

}  // namespace spanheap::bench
