// SPDX-License-Identifier: MIT
//
// Cycles of spanheap/gc_c.h.
#include "faces/native/export.h"
#include "runtime/collected_heap.h"
#include "spanheap/gc_c.h"

using spanheap::CollectedHeap;

SPANHEAP_EXPORT void sh_gc_collect() noexcept {
  if (CollectedHeap* const heap = CollectedHeap::Get()) heap->Collect();
}
