// SPDX-License-Identifier: MIT
//
// PageNotes: which pages of collected objects stores have gone to, while marks outlive their cycle.
//
// Idea.       An object that was marked in the last cycle is not looked at in the next one, unless
//             something has been stored into it since. So while the collector keeps marks and does
//             not mark, the barrier notes the page of each slot that gets a pointer, in a byte that
//             the collector's tables have for the page (collect/side_tables.h).
// Invariants. Outside of marking, a page into whose objects a pointer was stored since the last
//             mark is noted before the store is seen.
// Threads.    Note: any, between stops. The rest is constant while stores note pages.
// Cost.       A load of the page's kind, and of its note, which is written once a cycle.
// Go.         None: Go's collector has no generations.
// Tests.      tests/mutators/page_notes_test.cc, tests/collect/young_cycle_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.h"
#include "layout/geometry.h"

namespace spanheap {

struct PageNotes {
  static constexpr uint8_t kNoted = 2;  // while it marks, any number is the collector's

  uintptr_t base = 0;                      // of page 0
  size_t bytes = 0;                        // of all pages
  const Atomic<uint8_t>* kinds = nullptr;  // 0: no collected objects there
  Atomic<uint8_t>* notes = nullptr;        // there where the kind is not 0

  // The byte of the page that `slot` lies in; null where no collected objects lie.
  Atomic<uint8_t>* Find(const void* slot) const {
    const uintptr_t offset = reinterpret_cast<uintptr_t>(slot) - base;
    if (offset >= bytes) return nullptr;
    const size_t page = offset >> kPageShift;
    // Relaxed: the page of an object that this thread has is of that kind as long as it has it.
    return kinds[page].LoadRelaxed() == 0 ? nullptr : &notes[page];
  }
  // Relaxed: read after a stop. Once: the page's threads all read it. Between stops: while marking
  // the byte is the collector's.
  void Note(const void* slot) const {
    Atomic<uint8_t>* const note = Find(slot);
    if (note != nullptr && note->LoadRelaxed() == 0) note->StoreRelaxed(kNoted);
  }
};

}  // namespace spanheap
