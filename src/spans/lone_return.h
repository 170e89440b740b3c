// SPDX-License-Identifier: MIT
//
// LoneReturn: blocks come back to their spans while one thread may come in.
//
// Idea.       Nobody is there to race with, so no atomics are to be saved by sorting. What costs
//             is a branch that the processor guesses wrong: as much as a whole block. So a few
//             neighbours in the batch are compared first, and then one of two loops runs.
//               in order   they are mostly near each other: one bitmap word is kept in a register
//                          until a block of another comes, and one look at the page tables serves
//                          all neighbours of a span
//               scattered  they are mostly not: the same steps for every block, without a branch
//                          that depends on where it lies
// Threads.    The only one that may open sections, inside one.
// Fails.      A pointer that is no slot of a span of the class, or a slot that is free already,
//             ends the process.
// Cost.       About 18 instructions a block in order, 35 scattered; no memory.
// Tests.      tests/spans/return_order_test.cc.
#pragma once

#include <cstdint>

#include "spans/span_heap.h"

namespace spanheap {

class LoneReturn {
 public:
  LoneReturn(SpanHeap& heap, unsigned malloc_class, PageCache& cache, const char* call)
      : heap_(heap),
        malloc_class_(malloc_class),
        geometry_(kMallocClasses[malloc_class]),
        cache_(cache),
        call_(call) {}

  // At least one block.
  void Return(void* const* blocks, uint32_t n);

 private:
  void ReturnInOrder(void* const* blocks, uint32_t n);
  // Blocks of one span, from the first on: clears their slots; how many they are.
  uint32_t ClearNeighbours(Span& span, void* const* blocks, uint32_t n);
  void ReturnScattered(void* const* blocks, uint32_t n);

  // The span that `block` is in.
  Span& Open(const void* block) const;
  // The slot of `block`, which is so far behind the start of its span.
  uint32_t SlotOf(const void* block, size_t offset) const;

  SpanHeap& heap_;
  const unsigned malloc_class_;
  const ClassGeometry geometry_;
  PageCache& cache_;
  const char* const call_;
};

}  // namespace spanheap
