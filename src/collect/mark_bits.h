// SPDX-License-Identifier: MIT
//
// MarkBits: from any word straight to the number of the mark bit of the object it points into.
//
// Idea.       What a marker does with nearly every word it meets is one expression: range test,
//             kind byte, slot by multiplication, number of the bit. One comparison tells spans of
//             one page from all else: pages without collected objects, spans of several pages, the
//             rest behind the last slot; ObjectFinder looks at these. What the expression starts
//             from is copied: in a loop it stays in registers, whatever is written meanwhile.
// Picture.    word -> page, kind -> slot -> page * 1024 + slot, the bit's number in all MarkBlocks
// Invariants. Finds what ObjectFinder::Locate finds: slots, also those that are not allocated.
// Threads.    Any; never faults.
// Cost.       Some 15 instructions; two loads that depend on each other.
// Tests.      tests/collect/mark_bits_test.cc, against ObjectFinder.
#pragma once

#include <array>

#include "collect/object_finder.h"

namespace spanheap::collected {

// A mark bit's number; 0, which is page 0's, stands for none.
using MarkBit = uint64_t;

class MarkBits {
 public:
  // `store` is ready for use: its tables are where they will stay.
  explicit MarkBits(const SpanStore& store)
      : store_(store),
        base_(store.pages().tables().base.value),
        linear_bytes_(store.pages().tables().linear_bytes),
        kinds_(&store.tables().kind_of(0)),
        marks_(store.tables().marks(0)) {}

  SPANHEAP_ALWAYS_INLINE MarkBit Find(uintptr_t word) const {
    const size_t offset = word - base_;
    if (offset >= linear_bytes_) return FindFar(word);
    const auto page = static_cast<uint32_t>(offset >> kPageShift);
    const Quick& quick = kQuick[kinds_[page].LoadAcquire()];
    const auto in_page = static_cast<uint32_t>(offset & (kPageSize.value - 1));
    const uint32_t slot = SlotAt(in_page, quick.magic);
    if (slot >= quick.slots) [[unlikely]]
      return FindSlowly(word, page);
    return BitOf(page, slot);
  }
  // Not of none, whose word need not be there.
  Atomic<uint64_t>& WordOf(MarkBit bit) const { return marks_[bit / 64]; }
  static uint64_t MaskOf(MarkBit bit) { return uint64_t{1} << (bit % 64); }
  // Asks for the line that the bit is in; of none it comes to nothing.
  void Prepare(MarkBit bit) const { __builtin_prefetch(marks_ + bit / 64); }

  // What the bit stands for by the kind that its page has now; none: there is no such slot (more).
  ObjectRef ObjectOf(MarkBit bit) const {
    const auto page = static_cast<uint32_t>(bit >> kShift);
    const auto slot = static_cast<uint16_t>(bit & ((uint64_t{1} << kShift) - 1));
    const uint8_t kind = kinds_[page].LoadAcquire();
    return slot < kSpanKinds[kind].slots ? ObjectRef{page, slot, kind} : ObjectRef{};
  }

 private:
  static constexpr unsigned kShift = 10;
  static_assert(sizeof(MarkBlock) * 8 == 1U << kShift);

  // Of kinds whose spans are one page; the others have no slots here.
  struct Quick {
    uint32_t magic;
    uint32_t slots;
  };
  static constexpr std::array<Quick, kKindCount> kQuick = [] {
    std::array<Quick, kKindCount> quick{};
    for (unsigned k = 0; k < kKindCount; ++k) {
      if (kSpanKinds[k].pages == 1) quick[k] = {kSpanKinds[k].magic, kSpanKinds[k].slots};
    }
    return quick;
  }();

  static MarkBit BitOf(uint32_t page, uint32_t slot) { return uint64_t{page} << kShift | slot; }
  SPANHEAP_NOINLINE MarkBit FindSlowly(uintptr_t word, uint32_t page) const {
    const ObjectRef object = ObjectFinder(store_).Locate(word, page);
    return object ? BitOf(object.page, object.slot) : 0;
  }
  MarkBit FindFar(uintptr_t word) const {
    const uint32_t page = ObjectFinder(store_).PageOf(word);
    return page == 0 ? 0 : FindSlowly(word, page);
  }

  const SpanStore& store_;
  const uintptr_t base_;
  const size_t linear_bytes_;
  const Atomic<uint8_t>* const kinds_;
  Atomic<uint64_t>* const marks_;
};

}  // namespace spanheap::collected
