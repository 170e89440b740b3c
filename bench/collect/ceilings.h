// SPDX-License-Identifier: MIT
//
// What the machine's memory lets a mark do, by loops that know each address before they need it.
//
// Idea.   Objects of 64 bytes with four pointers, as the random graph has them. Whatever marks that
//         graph reads each object's line once, at random places, and looks up a bit for each
//         pointer, setting those that it finds first. That and nothing else is Mark's: no search
//         for what a pointer points to, no queue, no second look, the order known beforehand.
//         Bits lie as densely as the collector's: a page's in 128 bytes.
// Cost.   As much memory as is asked for, and a tenth.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace spanheap::bench {

class GraphPattern {
 public:
  explicit GraphPattern(size_t bytes);

  // GB/s of objects. The first two by one thread.
  double ReadInOrder() const;
  double TouchAtRandom() const;
  double Mark(unsigned threads) const;

 private:
  static constexpr size_t kPointers = 4;
  struct alignas(64) Object {
    uint64_t words[8];  // the first four: numbers of objects
  };
  using Bits = std::vector<std::atomic<uint64_t>>;

  // By one of several threads: [first, end) of the order.
  void MarkPart(size_t first, size_t end, Bits& marks) const;
  double Rate(uint64_t start_ns) const;

  std::vector<Object> objects_;
  std::vector<uint32_t> order_;
};

}  // namespace spanheap::bench
