// SPDX-License-Identifier: MIT
//
// Cycles of spanheap/gc_c.h.
#include <cstring>

#include "faces/native/export.h"
#include "runtime/collected_heap.h"
#include "spanheap/gc_c.h"

using spanheap::CollectedHeap;

SPANHEAP_EXPORT void sh_gc_collect() noexcept {
  if (CollectedHeap* const heap = CollectedHeap::Get()) heap->Collect();
}

SPANHEAP_EXPORT uint64_t sh_gc_verify() noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  return heap == nullptr ? 0 : heap->Verify();
}

SPANHEAP_EXPORT int sh_gc_who_keeps(uintptr_t hidden, char* text, size_t size) noexcept {
  if (size > 0) *text = '\0';
  CollectedHeap* const heap = CollectedHeap::Get();
  return heap == nullptr ? -1 : heap->WhoKeeps(hidden, text, size);
}

SPANHEAP_EXPORT int sh_gc_set_percent(int percent) noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  return heap == nullptr ? -1 : static_cast<int>(heap->SetPercent(percent));
}

SPANHEAP_EXPORT int64_t sh_gc_set_memory_limit(int64_t bytes) noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  return heap == nullptr ? INT64_MAX : heap->SetMemoryLimit(bytes);
}

SPANHEAP_EXPORT void sh_gc_read_stats(sh_gc_stats* stats, size_t size) noexcept {
  sh_gc_stats now{};
  if (const CollectedHeap* const heap = CollectedHeap::GetIfStarted()) heap->ReadStats(now);
  memset(stats, 0, size);
  memcpy(stats, &now, size < sizeof now ? size : sizeof now);
}

SPANHEAP_EXPORT size_t sh_gc_read_stops(uint64_t* stop_ns, size_t capacity) noexcept {
  const CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  return heap == nullptr ? 0 : heap->collector.ReadStops(stop_ns, capacity);
}
