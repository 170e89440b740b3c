// SPDX-License-Identifier: MIT
#include "spans/run_cache.h"

#include <algorithm>

namespace spanheap {

// Those kept later move down.
PageRun RunCache::TakeLocked(Shelf& shelf, unsigned malloc_class, unsigned at) {
  const PageRun run{shelf.runs[at], RunPages(malloc_class), Pages(0), false};
  std::copy(shelf.runs + at + 1, shelf.runs + shelf.count, shelf.runs + at);
  bytes_.AddOwned(-BlockBytes(malloc_class));
  --shelf.count;
  shelf.least = std::min(shelf.least, shelf.count);
  return run;
}

PageRun RunCache::Take(unsigned malloc_class) {
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class - kFirstRunClass];
  return shelf.count == 0 ? PageRun{} : TakeLocked(shelf, malloc_class, shelf.count - 1);
}

PageRun RunCache::TakeAligned(unsigned malloc_class, Pages alignment, const PageHeap& pages) {
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class - kFirstRunClass];
  const unsigned end = shelf.count > kLooks ? shelf.count - kLooks : 0;
  for (unsigned at = shelf.count; at-- > end;) {
    const Address start = pages.AddressOf(shelf.runs[at]);
    if (RoundUp(start, BytesOf(alignment)) == start) return TakeLocked(shelf, malloc_class, at);
  }
  return {};
}

bool RunCache::Keep(unsigned malloc_class, PageIndex first) {
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[malloc_class - kFirstRunClass];
  // Relaxed: written under this lock.
  if (shelf.count == kDepth || bytes_.LoadRelaxed() + BlockBytes(malloc_class) > kMaxBytes) {
    return false;
  }
  shelf.runs[shelf.count++] = first;
  bytes_.AddOwned(BlockBytes(malloc_class));
  return true;
}

bool RunCache::Drain(PageHeap& pages) { return Drain(pages, false); }
bool RunCache::DrainIdle(PageHeap& pages) { return Drain(pages, true); }

bool RunCache::Drain(PageHeap& pages, bool idle_only) {
  // As a rule nothing is kept when a heap grows: then no shelf is looked at. All of them are pages
  // of memory that a small program never needs.
  if (bytes() == 0) return false;
  bool any = false;
  for (unsigned index = 0; index < kRunClasses; ++index) {
    PageRun runs[kDepth];
    const unsigned count = TakeFrom(index, idle_only, runs);
    if (count == 0) continue;
    pages.FreeMany(runs, count);
    any = true;
  }
  return any;
}

// The oldest lie at the bottom; the others move down.
unsigned RunCache::TakeFrom(unsigned index, bool idle_only, PageRun (&runs)[kDepth]) {
  MutexLock lock(mutex_);
  Shelf& shelf = shelves_[index];
  const unsigned malloc_class = kFirstRunClass + index;
  const unsigned count = idle_only ? shelf.least : shelf.count;
  for (unsigned i = 0; i < count; ++i) {
    runs[i] = {shelf.runs[i], RunPages(malloc_class), Pages(0), false};
  }
  std::copy(shelf.runs + count, shelf.runs + shelf.count, shelf.runs);
  shelf.count -= count;
  shelf.least = shelf.count;
  bytes_.AddOwned(-(uint64_t{count} * BlockBytes(malloc_class)));
  return count;
}

}  // namespace spanheap
