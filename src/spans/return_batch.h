// SPDX-License-Identifier: MIT
//
// ReturnBatch: sorts blocks that are being returned by the bitmap word they belong to.
//
// Idea.   First each block's span and slot are found; records and bitmap words are prefetched a
//         pass ahead, since with a large heap each is a miss. A small open-addressed table on the
//         stack then merges the blocks that share spans, so that each bitmap word is touched by one
//         atomic and each span by one more. (While one thread may come in, this has no use.)
// Fails.  A pointer that is no slot of a span of the class, or one that is in the batch twice, ends
//         the process.
// Cost.   About 12 instructions a block; 5 KiB of stack.
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
    uint32_t count;   // bits in mask
    uint8_t earlier;  // 1 + number of the group before it of the same span; 0 = none
    bool latest;      // no later group is of the same span
  };

  ReturnBatch(const SpanHeap& heap, unsigned malloc_class, const char* call)
      : heap_(heap), malloc_class_(malloc_class), call_(call) {}

  // Finds span and slot of each block; n <= SpanHeap::kMaxBatch.
  void Locate(void* const* blocks, uint32_t n);
  // After Locate: merges what shares a word.
  void Sort(void* const* blocks);
  uint32_t group_count() const { return group_count_; }
  const Group& group(uint32_t i) const { return groups_[i]; }

 private:
  static constexpr uint32_t kEntries = 2 * SpanHeap::kMaxBatch;
  static constexpr uint32_t kMask = kEntries - 1;

  Group& GroupFor(uint32_t span_index, uint32_t word);
  Group& NewGroup(uint32_t span_index, uint32_t word);

  const SpanHeap& heap_;
  const unsigned malloc_class_;
  const char* const call_;
  uint32_t n_ = 0;
  uint32_t group_count_ = 0;
  uint32_t spans_[SpanHeap::kMaxBatch];
  uint32_t slots_[SpanHeap::kMaxBatch];
  Group groups_[SpanHeap::kMaxBatch];
  // 1 + number of a group, by hash of (span, word); cleared by Sort.
  uint8_t by_word_[kEntries];
  // 1 + number of the latest group of a span, by hash of the span; cleared by Sort.
  uint8_t by_span_[kEntries];
};

}  // namespace spanheap
