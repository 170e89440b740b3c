// SPDX-License-Identifier: MIT
//
// The fast paths of malloc and free, inlined into the faces.
//
// Calls.  malloc(n) -> TryAllocateFast -> block, or null: the face calls its ...Slow function
//         free(p)   -> TryFreeFast     -> true, or false: likewise
// Cost.   malloc 19 and free 17 instructions with the return; no lock, no atomic read-modify-write,
//         no system call; the loads that can miss are the page's class byte and the bin's slots.
// Tests.  tests/disassembly holds the built library to it.
#pragma once

#include <cstddef>

#include "caches/thread_bins.h"
#include "pages/page_space.h"

namespace spanheap {

// A block of at least n bytes from this thread's bin, or null if the slow path must decide: n is
// above the table, the bin is empty, or a sample is due.
SPANHEAP_ALWAYS_INLINE void* TryAllocateFast(size_t n) {
  if (n > kMaxTabledBytes) [[unlikely]]
    return nullptr;
  ThreadBins& bins = *this_thread.bins.LoadRelaxed();  // relaxed: see runtime/idle_caches.h
  const size_t c = kClassTable[(n + kClassGranule - 1) / kClassGranule];
  void** top = bins.tops[c].LoadRelaxed();  // relaxed: written by this thread only
  void* block = *top;
  SPANHEAP_IN_RESULT_REGISTER(block);
  if (block == nullptr) [[unlikely]]
    return nullptr;
  bins.sample_countdown -= static_cast<int64_t>(n);
  if (bins.sample_countdown < 0) [[unlikely]]
    return nullptr;
  // Below the bin's bottom lies another's stack, or counters: an address that is none does no harm.
  __builtin_prefetch(top[-kBlocksAhead], 1);
  LowerTop(bins, c, top - 1);
  return block;
}

// Pushes p onto this thread's bin of its class. False if the slow path must decide: p is null, not
// the start of a block of a class, pushed a moment ago already, or the bin is full.
SPANHEAP_ALWAYS_INLINE bool TryFreeFast(const PageTables& tables, void* p) {
  const size_t offset = AddressOf(p).value - tables.base.value;
  if (offset >= tables.linear_bytes) [[unlikely]]
    return false;
  // Relaxed: the byte was written before the block was first handed out.
  const size_t c = tables.class_of[offset >> kPageShift].LoadRelaxed();
  ThreadBins& bins = *this_thread.bins.LoadRelaxed();  // relaxed: see runtime/idle_caches.h
  void** top = bins.tops[c].LoadRelaxed();             // relaxed: written by this thread only
  if (top == bins.limits[c]) [[unlikely]]
    return false;
  if (*top == p) [[unlikely]]
    return false;
  top[1] = p;
  RaiseTop(bins, c);  // after the slot, for whoever looks at a forked snapshot
  return true;
}

}  // namespace spanheap
