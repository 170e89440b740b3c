// SPDX-License-Identifier: MIT
//
// The fast paths for the faces, bound to the process's heap.
#pragma once

#include "caches/fast_path_inl.h"
#include "runtime/runtime.h"

namespace spanheap::heap {

// See caches/fast_path_inl.h; null and false mean: call Allocate, Free (runtime/heap.h).
SPANHEAP_ALWAYS_INLINE void* TryAllocateFast(size_t n) { return spanheap::TryAllocateFast(n); }
SPANHEAP_ALWAYS_INLINE bool TryFreeFast(void* p) {
  return spanheap::TryFreeFast(runtime.pages.tables(), p);
}

}  // namespace spanheap::heap
