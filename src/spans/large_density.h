// SPDX-License-Identifier: MIT
//
// LargeDensity: whether programs write to all of their large blocks, judged by those that went.
//
// Idea.    A block of ordinary pages shows what was touched: some pages of it are looked at when it
//          is freed or outgrows its window. If all of them were, the next blocks are asked for as
//          huge pages, of which one can no longer tell; so now and then one stays ordinary.
// Threads. Any: two hints, each an atomic of its own. No lock may be held: looking is system calls.
// Tests.   tests/spans/large_density_test.cc.
#pragma once

#include "base/atomic.h"
#include "base/units.h"
#include "os/memory.h"

namespace spanheap {

class LargeDensity {
 public:
  // One block in so many stays ordinary.
  static constexpr uint32_t kBlocksPerSample = 8;

  constexpr LargeDensity() = default;
  // Whether the next block had better be huge.
  bool IsNextDense();
  // The block is about to go; `is_huge`: it was asked for as huge, and tells only if it is sparse.
  void Note(os::Memory& memory, Address start, Bytes size, bool is_huge);

 private:
  Atomic<uint32_t> is_dense_;
  Atomic<uint32_t> huge_blocks_;
};

}  // namespace spanheap
