// SPDX-License-Identifier: MIT
//
// ObjectFinder: from any word to the collected object it points into, if there is one.
//
// Idea.       Range test, kind byte of the page, slot by multiplication, allocated bit. Spans of
//             one page are found without their record. A marker looks at the allocated bit last:
//             what is marked already is allocated. Interior addresses count; the address one
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
  uint16_t slot = 0;
  uint8_t kind = 0;

  explicit operator bool() const { return page != 0; }
  const SpanKind& shape() const { return kSpanKinds[kind]; }
  uint64_t bit() const { return uint64_t{1} << (slot % 64); }
};

class ObjectFinder {
 public:
  explicit constexpr ObjectFinder(const SpanStore& store) : store_(store) {}

  SPANHEAP_ALWAYS_INLINE ObjectRef Find(uintptr_t word) const {
    const ObjectRef object = Locate(word, PageOf(word));
    return object && IsAllocated(object) ? object : ObjectRef{};
  }
  // The page an address lies in; 0, which holds no objects: it is none of ours.
  SPANHEAP_ALWAYS_INLINE uint32_t PageOf(uintptr_t word) const {
    const PageTables& pages = store_.pages().tables();
    const size_t offset = word - pages.base.value;
    if (offset >= pages.linear_bytes) [[unlikely]] {
      return store_.pages().is_linear() ? 0 : PageOfFar(word);
    }
    return static_cast<uint32_t>(offset >> kPageShift);
  }
  // The slot that a word of the page points into, which need not be allocated.
  SPANHEAP_ALWAYS_INLINE ObjectRef Locate(uintptr_t word, uint32_t page) const {
    const uint8_t kind = store_.tables().kind_of(page).LoadAcquire();
    if (kind == 0) return {};
    const SpanKind& shape = kSpanKinds[kind];
    if (shape.pages != 1) return LocateInRun(word, page, kind);
    const auto in_page = static_cast<uint32_t>(word & (kPageSize.value - 1));
    const uint32_t slot = SlotAt(in_page, shape.magic);
    return slot < shape.slots ? At(page, slot, kind) : ObjectRef{};
  }
  bool IsAllocated(ObjectRef object) const {
    const Atomic<uint64_t>* words = store_.tables().allocated(object.page, object.shape());
    return (words[object.slot / 64].LoadAcquire() & object.bit()) != 0;
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
  static ObjectRef At(uint32_t page, uint32_t slot, uint8_t kind) {
    return {page, static_cast<uint16_t>(slot), kind};
  }
  SPANHEAP_NOINLINE ObjectRef LocateInRun(uintptr_t word, uint32_t page, uint8_t kind) const {
    const CollectedSpan& span = store_.SpanOfPage(PageIndex(page));
    const uint32_t first = span.first.value;
    const size_t offset = word - store_.pages().AddressOf(PageIndex(first)).value;
    if (IsLargeKind(kind)) {
      return offset < span.bytes.LoadAcquire() ? ObjectRef{first, 0, kind} : ObjectRef{};
    }
    const uint32_t slot = SlotAt(static_cast<uint32_t>(offset), kSpanKinds[kind].magic);
    return slot < kSpanKinds[kind].slots ? At(first, slot, kind) : ObjectRef{};
  }
  SPANHEAP_NOINLINE uint32_t PageOfFar(uintptr_t word) const {
    const Address address(word);
    return store_.pages().Contains(address) ? store_.pages().IndexOf(address).value : 0;
  }

  const SpanStore& store_;
};

}  // namespace spanheap::collected
