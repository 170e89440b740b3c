// SPDX-License-Identifier: MIT
//
// SpanQueue: spans in address order, lowest out first; any of them can be taken out.
//
// Idea.       A pairing heap through the records: a root, each node with a list of children, every
//             child not below its parent. `previous` names the parent (first child) or the left
//             sibling, which makes removal of an inner node a local change.
// Invariants. A node's page number is not below its parent's. Links are record numbers, 0 = none.
// Threads.    The caller's lock.
// Cost.       Push O(1), Pop and Remove O(log n) amortised. No memory of its own.
// Source.     Fredman, Sedgewick, Sleator, Tarjan: The pairing heap, 1986.
// Tests.      tests/spans/span_queue_test.cc against a std::set.
#pragma once

#include <cstdint>

#include "spans/span_table.h"

namespace spanheap {

class SpanQueue {
 public:
  constexpr SpanQueue() = default;

  bool empty() const { return root_ == 0; }
  void Push(const SpanTable& table, Span* span);
  // The lowest span, or null.
  Span* Pop(const SpanTable& table);
  // `span` is in this queue.
  void Remove(const SpanTable& table, Span* span);

 private:
  static uint32_t Meld(const SpanTable& table, uint32_t a, uint32_t b);
  static uint32_t MeldChildren(const SpanTable& table, Span& parent);

  uint32_t root_ = 0;
};

}  // namespace spanheap
