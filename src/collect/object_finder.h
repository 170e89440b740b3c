// SPDX-License-Identifier: MIT
//
// ObjectFinder: from any word to the collected object it points into, if there is one.
//
// Idea.       Range test, kind byte of the page, slot by multiplication, allocated bit. Spans of
//             one page are found without their record. Interior addresses count; the address one
//             past an object's end is the next one's.
// Invariants. Every state of a page but "in a collected span" is not found. A slot that is not
//             allocated is not found.
// Threads.    Any, any time; never faults. What is found may die at the next sweep unless the
//             caller keeps it alive.
// Cost.       Three loads that depend on each other for one-page spans, six for others.
// Go.         mbitmap.go findObject.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include "collect/span_store.h"

namespace spanheap::collected {

struct ObjectRef {
  uint32_t page = 0;  // the span's first page; 0: none
  uint32_t slot = 0;
  uint8_t kind = 0;

  explicit operator bool() const { return page != 0; }
  const SpanKind& shape() const { return kSpanKinds[kind]; }
  uint64_t bit() const { return uint64_t{1} << (slot % 64); }
};

class ObjectFinder {
 public:
  explicit constexpr ObjectFinder(const SpanStore& store) : store_(store) {}

  SPANHEAP_ALWAYS_INLINE ObjectRef Find(uintptr_t word) const {
    const PageTables& pages = store_.pages().tables();
    const size_t offset = word - pages.base.value;
    if (offset >= pages.linear_bytes) [[unlikely]] {
      return store_.pages().is_linear() ? ObjectRef() : FindFar(word);
    }
    return FindInPage(word, static_cast<uint32_t>(offset >> kPageShift));
  }
  Address BaseOf(ObjectRef object) const {
    return store_.pages().AddressOf(PageIndex(object.page)) +
           Bytes(size_t{object.slot} * object.shape().block_bytes);
  }
  // Bytes of the slot; of a large object: what was asked for.
  size_t SizeOf(ObjectRef object) const {
    return IsLargeKind(object.kind) ? SpanOf(object).bytes.LoadAcquire()
                                    : object.shape().block_bytes;
  }
  CollectedSpan& SpanOf(ObjectRef object) const {
    return store_.SpanOfPage(PageIndex(object.page));
  }

 private:
  SPANHEAP_ALWAYS_INLINE ObjectRef FindInPage(uintptr_t word, uint32_t page) const {
    const SideTables& tables = store_.tables();
    const uint8_t kind = tables.kind_of(page).LoadAcquire();
    if (kind == 0) return {};
    const SpanKind& shape = kSpanKinds[kind];
    if (shape.pages != 1) return FindInRun(word, page, kind);
    const auto in_page = static_cast<uint32_t>(word & (kPageSize.value - 1));
    return Checked({page, SlotAt(in_page, shape.magic), kind});
  }
  SPANHEAP_ALWAYS_INLINE ObjectRef Checked(ObjectRef object) const {
    const SpanKind& shape = object.shape();
    if (object.slot >= shape.slots) return {};
    const uint64_t word =
        store_.tables().allocated(object.page, shape)[object.slot / 64].LoadAcquire();
    return (word & object.bit()) != 0 ? object : ObjectRef{};
  }
  SPANHEAP_NOINLINE ObjectRef FindInRun(uintptr_t word, uint32_t page, uint8_t kind) const {
    const CollectedSpan& span = store_.SpanOfPage(PageIndex(page));
    const uint32_t first = span.first.value;
    const size_t offset = word - store_.pages().AddressOf(PageIndex(first)).value;
    if (IsLargeKind(kind)) {
      if (offset >= span.bytes.LoadAcquire()) return {};
      return Checked({first, 0, kind});
    }
    return Checked({first, SlotAt(static_cast<uint32_t>(offset), kSpanKinds[kind].magic), kind});
  }
  SPANHEAP_NOINLINE ObjectRef FindFar(uintptr_t word) const {
    if (!store_.pages().Contains(Address(word))) return {};
    return FindInPage(word, store_.pages().IndexOf(Address(word)).value);
  }

  const SpanStore& store_;
};

}  // namespace spanheap::collected
