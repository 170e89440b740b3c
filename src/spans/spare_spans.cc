// SPDX-License-Identifier: MIT
#include "spans/spare_spans.h"

#include <algorithm>

namespace spanheap {

Span* SpareSpans::Take(unsigned malloc_class) {
  if (is_empty()) return nullptr;
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class];
  if (shelf.count == 0) return nullptr;
  count_.AddOwned(-1U);
  --shelf.count;
  shelf.least = std::min(shelf.least, shelf.count);
  return shelf.spans[shelf.count];
}

bool SpareSpans::Keep(unsigned malloc_class, Span* span) {
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class];
  if (shelf.count >= DepthOf(malloc_class)) return false;
  shelf.spans[shelf.count++] = span;
  count_.AddOwned(1);
  return true;
}

// The oldest lie at the bottom; the others move down.
unsigned SpareSpans::TakeIdle(unsigned malloc_class, Span* (&idle)[kDepth]) {
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class];
  const unsigned taken = shelf.least;
  std::copy(shelf.spans, shelf.spans + taken, idle);
  std::copy(shelf.spans + taken, shelf.spans + shelf.count, shelf.spans);
  shelf.count -= taken;
  shelf.least = shelf.count;
  count_.AddOwned(-taken);
  return taken;
}

}  // namespace spanheap
