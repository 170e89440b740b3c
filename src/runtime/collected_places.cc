// SPDX-License-Identifier: MIT
#include "collect/object_places.h"
#include "mutators/blocking_region.h"
#include "runtime/collected_heap.h"
#include "runtime/runtime.h"
#include "spanheap/gc_c.h"

namespace spanheap {

int CollectedHeap::PlaceOf(const void* pointer) {
  const uintptr_t address = AddressOf(pointer).value;
  const collected::HeapThread* const thread = Thread();
  const auto on = [&](const StackRecord& stack) { return stack.bounds.Holds(address); };
  if (thread != nullptr && (on(thread->own_stack) || on(*thread->current_stack))) {
    return SH_PLACE_STACK;
  }
  switch (collected::PlaceOf(collector.store, collector.layouts, address)) {
    case collected::Place::kScanned:
      return SH_PLACE_OBJECT;
    case collected::Place::kHole:
      return SH_PLACE_HOLE;
    case collected::Place::kNoObject:
      break;
  }
  if (roots.Holds(address) || mutators.ranges().Holds(address)) return SH_PLACE_ROOT;
  const BlockingRegion parked;  // who has the list may wait for this thread to stop
  return mutators.IsOnStack(address) ? SH_PLACE_STACK : SH_PLACE_UNSEEN;
}

BlockFacts CollectedHeap::FactsOf(Address p) const {
  const PageIndex page = runtime.pages.IndexOf(p);
  const uint8_t kind = collector.store.tables().kind_of(page.value).LoadAcquire();
  if (kind == 0) return {};
  const collected::CollectedSpan& span = collector.store.SpanOfPage(page);
  const size_t bytes = collected::IsLargeKind(kind) ? span.bytes.LoadAcquire()
                                                    : collected::kSpanKinds[kind].block_bytes;
  return {Bytes(bytes), runtime.pages.AddressOf(span.first), span.pages};
}

}  // namespace spanheap
