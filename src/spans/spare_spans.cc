// SPDX-License-Identifier: MIT
#include "spans/spare_spans.h"

namespace spanheap {

Span* SpareSpans::Take(unsigned malloc_class) {
  if (is_empty()) return nullptr;
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class];
  if (shelf.count == 0) return nullptr;
  count_.AddOwned(-1U);
  return shelf.spans[--shelf.count];
}

bool SpareSpans::Keep(unsigned malloc_class, Span* span) {
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class];
  if (shelf.count >= DepthOf(malloc_class)) return false;
  shelf.spans[shelf.count++] = span;
  count_.AddOwned(1);
  return true;
}

}  // namespace spanheap
