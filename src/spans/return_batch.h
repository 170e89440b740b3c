// SPDX-License-Identifier: MIT
//
// ReturnBatch: sorts blocks that are being returned by the bitmap word they belong to.
//
// Idea.   Blocks freed together often share spans. A small open-addressed table on the stack merges
//         them, so that each bitmap word is touched by one atomic and each span by one more.
//         Records and words are prefetched a pass ahead, since with a large heap each is a miss.
// Fails.  A pointer that is no slot of a span of the class, or one that is in the batch twice, ends
//         the process.
// Cost.   About 12 instructions a block; 6 KiB of stack.
// Tests.  tests/spans/span_heap_test.cc.
#pragma once

#include <cstdint>

#include "spans/span_heap.h"

namespace spanheap {

class ReturnBatch {
 public:
  struct Group {
    uint32_t span;
    uint32_t word;
    uint64_t mask;
    uint8_t earlier;  // 1 + number of the group before it of the same span; 0 = none
    bool latest;      // no later group is of the same span
  };

  ReturnBatch(const SpanHeap& heap, const PageHeap& pages, unsigned malloc_class, const char* call)
      : heap_(heap), pages_(pages), malloc_class_(malloc_class), call_(call) {}

  void Sort(void* const* blocks, uint32_t n);
  uint32_t group_count() const { return group_count_; }
  const Group& group(uint32_t i) const { return groups_[i]; }

 private:
  static constexpr uint32_t kSlots = 2 * SpanHeap::kMaxBatch;
  static constexpr uint32_t kMask = kSlots - 1;

  void FindSpans(void* const* blocks, uint32_t n);
  void Add(uint32_t span_index, Address block);
  uint32_t SlotOf(const Span& span, Address block) const;
  Group& GroupFor(uint32_t span_index, uint32_t word);
  [[noreturn]] void FailMisaligned(Address block) const;

  const SpanHeap& heap_;
  const PageHeap& pages_;
  const unsigned malloc_class_;
  const char* const call_;
  uint32_t group_count_ = 0;
  uint32_t spans_[SpanHeap::kMaxBatch];
  Group groups_[SpanHeap::kMaxBatch];
  // 1 + index into groups_, by hash of (span, word).
  uint8_t index_[kSlots] = {};
  // 1 + index of the latest group of a span, by hash of the span.
  uint8_t latest_[kSlots] = {};
};

}  // namespace spanheap
