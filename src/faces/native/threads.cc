// SPDX-License-Identifier: MIT
//
// Threads of spanheap/gc_c.h.
#include <cerrno>

#include "faces/native/export.h"
#include "runtime/collected_heap.h"
#include "spanheap/gc_c.h"

using spanheap::CollectedHeap;

namespace {

[[gnu::constructor]] void AtLoad() { CollectedHeap::StartByFirstUse(); }

}  // namespace

SPANHEAP_EXPORT int sh_gc_attach() noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  if (heap != nullptr && heap->Enter()) return 0;
  errno = ENOMEM;
  return -1;
}

SPANHEAP_EXPORT void sh_gc_detach() noexcept {
  if (CollectedHeap* const heap = CollectedHeap::GetIfStarted()) heap->Leave();
}
