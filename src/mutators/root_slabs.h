// SPDX-License-Identifier: MIT
//
// RootSlabs: exact roots. A slot is one pointer outside the collected heap that keeps its object.
//
// Idea.       Slots lie in pages of 4 KiB: a header, and 7 slabs of 64 slots with a word each that
//             says which are free. Any thread takes a slot from the page on top of the list of
//             pages that have one, and may give back any slot. A slot is written by the same
//             barrier as a field, so slabs are scanned while the program runs.
// Invariants. R1 a free slot holds null. R2 a page with a free slot is in the list of those.
//             R3 pages are never given back; page i stays page i.
// Threads.    Take and Put: any, inside a StopDelay (they open one). Scanning: any, without a
//             lock: slots are read as atomics; what is taken meanwhile is remembered by the
//             barrier.
// Fails.      Take returns null when the OS gives no memory.
// Cost.       A short lock each; 64 slots a slab, one job of the marker a page.
// Go.         None: Go's compiler knows its globals.
// Tests.      tests/mutators/root_slabs_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/annotations.h"
#include "base/atomic.h"
#include "sync/mutex.h"

namespace spanheap {

struct RootPage {
  static constexpr size_t kBytes = 4096;
  static constexpr unsigned kSlabs = 7;
  static constexpr unsigned kSlots = 64 * kSlabs;

  uint64_t free[kSlabs];  // a bit per slot; guarded by the lock of RootSlabs, as what follows
  uint32_t used = 0;
  bool is_listed = false;
  RootPage* next_with_free = nullptr;
  RootPage* next = nullptr;  // constant once it can be found
  char padding[512 - kSlabs * sizeof(uint64_t) - 3 * sizeof(void*)];
  Atomic<void*> slots[kSlots];
};
static_assert(sizeof(RootPage) == RootPage::kBytes);

class RootSlabs {
 public:
  constexpr RootSlabs() = default;
  RootSlabs(const RootSlabs&) = delete;
  RootSlabs& operator=(const RootSlabs&) = delete;

  // A slot that holds null; null when there is no memory.
  void** Take();
  // The slot is free again. The caller has stored null in it, through the barrier.
  void Put(void** slot);

  // Every page, in no order, while others are added: those hold nothing the barrier has not seen.
  template <class Function>
  void ForEachPage(Function&& function) const {
    for (RootPage* page = first_.LoadAcquire(); page != nullptr; page = page->next) function(*page);
  }
  // Whether it is the address of a slot, in use or not.
  bool Holds(uintptr_t address) const;
  // The first page of that list; then follow `next`.
  RootPage* first_page() const { return first_.LoadAcquire(); }
  // Relaxed: statistics.
  size_t page_count() const { return page_count_.LoadRelaxed(); }
  size_t used_slots() const { return used_.LoadRelaxed(); }

  void Verify();

 private:
  static RootPage* PageOf(void** slot);
  void** TakeLocked() REQUIRES(mutex_);
  bool Grow();
  void AddLocked(RootPage* page) REQUIRES(mutex_);

  Mutex mutex_{LockRank::kRoots};
  RootPage* with_free_ GUARDED_BY(mutex_) = nullptr;
  Atomic<RootPage*> first_;
  Atomic<size_t> page_count_;
  Atomic<size_t> used_;
};

}  // namespace spanheap
