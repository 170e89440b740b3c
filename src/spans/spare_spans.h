// SPDX-License-Identifier: MIT
//
// SpareSpans: spans that became empty a moment ago, by class, for the next thread that needs one.
//
// Idea.       Taking a span apart and making one of the same class again costs a record, the table
//             entries of its pages and two visits to the page heap. Programs whose use swings do it
//             all the time. The page heap asks for spare spans before it grows, as it does for runs
//             (run_cache.h), so they make no heap larger.
// Invariants. A spare span is held (by this list) and has all its slots free.
// Threads.    Any; one lock, held for a few instructions.
// Tests.      tests/spans/spare_spans_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "layout/malloc_classes.h"
#include "spans/span.h"
#include "sync/mutex.h"

namespace spanheap {

class SpareSpans {
 public:
  constexpr SpareSpans() = default;

  // The span of this class kept last, held by the caller; null if there is none.
  Span* Take(unsigned malloc_class);
  // Keeps an empty span that the caller holds. False: enough are kept already.
  bool Keep(unsigned malloc_class, Span* span);

  static constexpr unsigned kDepth = 16;
  // Takes those of this class that were not needed since the last call of this; returns how many.
  unsigned TakeIdle(unsigned malloc_class, Span* (&idle)[kDepth]);

  // Relaxed: a hint that saves the lock.
  bool is_empty() const { return count_.LoadRelaxed() == 0; }
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  // Of one class: a megabyte, but two spans at least.
  static constexpr unsigned DepthOf(unsigned malloc_class) {
    const unsigned by_bytes = 128 / kMallocClasses[malloc_class].span_pages;
    return by_bytes > kDepth ? kDepth : (by_bytes < 2 ? 2 : by_bytes);
  }

  struct Shelf {
    unsigned count = 0;
    unsigned least = 0;  // the lowest count since the last TakeIdle: so many were never needed
    Span* spans[kDepth] = {};
  };

  Mutex mutex_{LockRank::kCentralList};
  Shelf shelves_[kSmallClasses + 1] GUARDED_BY(mutex_);
  Atomic<uint32_t> count_;  // of all shelves; written under mutex_
};

}  // namespace spanheap
