// SPDX-License-Identifier: MIT
#include "collect/object_places.h"

namespace spanheap::collected {
namespace {

bool IsTypedWordScanned(const CollectedSpan& span, ObjectRef object, size_t offset,
                        LayoutTable& layouts) {
  const uint32_t id = span.type_ids != nullptr ? span.type_ids[object.slot].LoadAcquire()
                                               : span.type_id.LoadAcquire();
  if (id == 0) return true;  // being made
  const sh_layout& layout = layouts.At(id);
  if (layout.kind != SH_SCAN_PRECISE) return true;
  const size_t word = offset % layout.size / 8;
  return (layout.pointer_bits[word / 64] >> (word % 64) & 1) != 0;
}

}  // namespace

Place PlaceOf(const SpanStore& store, LayoutTable& layouts, uintptr_t address) {
  const ObjectFinder finder(store);
  const ObjectRef object = finder.Find(address);
  if (!object) return Place::kNoObject;
  bool scanned = false;
  switch (object.shape().domain) {
    case Domain::kNoScan:
      break;
    case Domain::kBits: {
      const size_t word = (address & (kPageSize.value - 1)) / 8;
      const uint64_t bits = store.tables().pointers(object.page)[word / 64].LoadAcquire();
      scanned = (bits >> (word % 64) & 1) != 0;
      break;
    }
    case Domain::kTyped:
      scanned = IsTypedWordScanned(finder.SpanOf(object), object,
                                   address - finder.BaseOf(object).value, layouts);
      break;
  }
  return scanned ? Place::kScanned : Place::kHole;
}

}  // namespace spanheap::collected
