// SPDX-License-Identifier: MIT
//
// Holes: whole OS pages inside a partly used span that no block touches, given back to the OS.
//
// Idea.       Whoever holds a span may take its free slots. So the scavenger takes exactly those
//             that cover a free OS page, which keeps everybody off it, gives the page back, notes a
//             hole, and returns the slots. Whoever takes slots later prefers those that touch no
//             hole, and clears the bits of the holes it does touch.
// Invariants. A bit of `holes` is set only while every slot on that OS page is free, and there is
//             one. Bit i is the i-th unit of the span: an OS page, or 1/32 of the span if that is
//             more.
// Threads.    The span's holder; anyone may read `holes` as a statistic.
// Go.         None: Go gives back whole free pages of the heap only.
// Tests.      tests/spans/span_holes_test.cc, tests/scavenge/hole_sweep_test.cc.
#pragma once

#include "base/units.h"
#include "spans/span.h"

namespace spanheap {

class SpanHoles {
 public:
  static constexpr unsigned kMaxUnits = 32;

  // `os_page` is a power of two.
  SpanHoles(Span& span, Bytes os_page);

  // The holder takes all slots that cover wholly free units which are no holes yet; returns a bit
  // for each such unit. 0: there is none, and nothing was taken.
  uint32_t Claim();
  // The slots of `claimed` go back; its units are holes now if `released` says so.
  void Finish(uint32_t claimed, uint32_t released);

  // Bits of word `w` of the span's bitmap whose slots touch one of `units`.
  uint64_t SlotsTouching(uint32_t units, uint32_t w) const;
  // A free slot touches no hole.
  bool HasBackedSlot() const;
  // Units that the slots of `mask` in word `w` touch.
  uint32_t UnitsTouchedBy(uint64_t mask, uint32_t w) const;
  Bytes unit() const { return Bytes(unit_); }

 private:
  // Units that have a byte in [begin, end) of the span.
  uint32_t UnitsIn(uint32_t begin, uint32_t end) const;
  uint32_t FreeUnits() const;

  Span& span_;
  uint32_t unit_;   // bytes
  uint32_t count_;  // whole units of the span that a slot touches
};

}  // namespace spanheap
