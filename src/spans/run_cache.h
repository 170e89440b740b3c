// SPDX-License-Identifier: MIT
//
// RunCache: runs freed a moment ago, by class, for whoever asks for that class next.
//
// Idea.       Programs that use large blocks ask for few sizes again and again. A run kept here as
//             it is costs a push and a pop; given to the page heap, two searches and two updates of
//             bitmaps and summaries. The page heap asks for all of it back before it grows, so what
//             is kept here makes no heap larger.
// Invariants. Kept runs are used pages for the page heap; their class byte is 0. bytes() is the sum
//             of their sizes.
// Threads.    Any; one lock, held for a few instructions, never while pages go back.
// Go.         The lists by exact length of the Go 1.8 page heap, as a front of the bitmap.
// Tests.      tests/spans/run_cache_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "layout/malloc_classes.h"
#include "pages/page_heap.h"
#include "sync/mutex.h"

namespace spanheap {

class RunCache {
 public:
  constexpr RunCache() = default;

  // The run of this class kept last; count 0 if there is none.
  PageRun Take(unsigned malloc_class);
  // Of the last few of them the one kept last whose address is a multiple of `alignment`.
  PageRun TakeAligned(unsigned malloc_class, Pages alignment, const PageHeap& pages);
  // Keeps the run. False: enough is kept already.
  bool Keep(unsigned malloc_class, PageIndex first);
  // Gives everything to the page heap; true if that was anything.
  bool Drain(PageHeap& pages);
  // The same for what nobody has taken since the last call of this.
  bool DrainIdle(PageHeap& pages);

  uint64_t bytes() const { return bytes_.LoadRelaxed(); }  // relaxed: a statistic
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  friend struct RootRecord;  // its layout is described to tools
  // Of one class: enough for the swings of a busy program, few enough to drain in one go.
  static constexpr unsigned kDepth = 64;
  static constexpr uint64_t kMaxBytes = uint64_t{256} << 20;

  struct Shelf {
    unsigned count = 0;
    unsigned least = 0;  // the lowest count since the last DrainIdle: so many were never needed
    PageIndex runs[kDepth];
  };

  // So many are looked at for one that is aligned: in a program that wants them most are.
  static constexpr unsigned kLooks = 8;

  PageRun TakeLocked(Shelf& shelf, unsigned malloc_class, unsigned at) REQUIRES(mutex_);
  bool Drain(PageHeap& pages, bool idle_only);
  unsigned TakeFrom(unsigned index, bool idle_only, PageRun (&runs)[kDepth]);

  Mutex mutex_{LockRank::kCentralList};
  Atomic<uint64_t> bytes_;  // written under mutex_
  Shelf shelves_[kRunClasses] GUARDED_BY(mutex_);
};

}  // namespace spanheap
