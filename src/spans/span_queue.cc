// SPDX-License-Identifier: MIT
#include "spans/span_queue.h"

#include <utility>

namespace spanheap {

void SpanQueue::Push(const SpanTable& table, Span* span) {
  span->child = span->sibling = span->previous = 0;
  root_ = Meld(table, root_, table.IndexOf(span));
}

Span* SpanQueue::Pop(const SpanTable& table) {
  if (root_ == 0) return nullptr;
  Span& top = table.At(root_);
  root_ = MeldChildren(table, top);
  return &top;
}

void SpanQueue::Remove(const SpanTable& table, Span* span) {
  const uint32_t index = table.IndexOf(span);
  if (index == root_) {
    Pop(table);
    return;
  }
  Span& previous = table.At(span->previous);
  (previous.child == index ? previous.child : previous.sibling) = span->sibling;
  if (span->sibling != 0) table.At(span->sibling).previous = span->previous;
  span->sibling = span->previous = 0;
  root_ = Meld(table, root_, MeldChildren(table, *span));
}

// Both are roots (no sibling, no previous) or 0; returns the lower one with the other below it.
uint32_t SpanQueue::Meld(const SpanTable& table, uint32_t a, uint32_t b) {
  if (a == 0) return b;
  if (b == 0) return a;
  if (table.At(b).first < table.At(a).first) std::swap(a, b);
  Span& parent = table.At(a);
  Span& child = table.At(b);
  child.sibling = parent.child;
  child.previous = a;
  if (parent.child != 0) table.At(parent.child).previous = b;
  parent.child = b;
  return a;
}

// Takes the children off `parent` and melds them: pairs from the left, then all from the right.
uint32_t SpanQueue::MeldChildren(const SpanTable& table, Span& parent) {
  uint32_t rest = parent.child;
  parent.child = 0;
  uint32_t pairs = 0;  // a chain through `sibling`, last pair first
  while (rest != 0) {
    const uint32_t a = rest;
    const uint32_t b = table.At(a).sibling;
    rest = b != 0 ? table.At(b).sibling : 0;
    table.At(a).sibling = table.At(a).previous = 0;
    if (b != 0) table.At(b).sibling = table.At(b).previous = 0;
    const uint32_t pair = Meld(table, a, b);
    table.At(pair).sibling = pairs;
    pairs = pair;
  }
  uint32_t melded = 0;
  while (pairs != 0) {
    const uint32_t next = table.At(pairs).sibling;
    table.At(pairs).sibling = 0;
    melded = Meld(table, melded, pairs);
    pairs = next;
  }
  return melded;
}

}  // namespace spanheap
