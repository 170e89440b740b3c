// SPDX-License-Identifier: MIT
#include "spans/span_holes.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/count_ones.h"

namespace spanheap {
namespace {

uint32_t SpanBytes(const Span& span) {
  return static_cast<uint32_t>(BytesOf(Pages(span.pages)).value);
}

uint32_t UnitFor(uint32_t span_bytes, Bytes os_page) {
  const auto page = static_cast<uint32_t>(os_page.value);
  return std::max(page, std::bit_ceil(span_bytes / SpanHoles::kMaxUnits));
}

// Without those behind the last slot: no slot that is taken would clear the bit of such a hole.
uint32_t UnitsWithSlots(const Span& span, uint32_t unit) {
  return static_cast<uint32_t>(std::min<uint64_t>(
      SpanBytes(span) / unit, DivideUp(uint64_t{span.slots} * span.block_bytes, unit)));
}

}  // namespace

SpanHoles::SpanHoles(Span& span, Bytes os_page)
    : span_(span), unit_(UnitFor(SpanBytes(span), os_page)), count_(UnitsWithSlots(span, unit_)) {}

uint32_t SpanHoles::UnitsIn(uint32_t begin, uint32_t end) const {
  const uint32_t first = begin / unit_;
  const uint32_t last = std::min((end - 1) / unit_, kMaxUnits - 1);
  return first > last ? 0 : static_cast<uint32_t>(BitRange(first, last - first + 1));
}

uint64_t SpanHoles::SlotsTouching(uint32_t units, uint32_t w) const {
  const uint32_t first_slot = w * 64;
  const uint32_t end_slot = std::min<uint32_t>(first_slot + 64, span_.slots);
  uint64_t slots = 0;
  for (uint32_t rest = units; rest != 0; rest &= rest - 1) {
    const uint32_t begin = static_cast<uint32_t>(std::countr_zero(rest)) * unit_;
    const uint32_t from = std::max(begin / span_.block_bytes, first_slot);
    const uint32_t to = std::min((begin + unit_ - 1) / span_.block_bytes + 1, end_slot);
    if (from < to) slots |= BitRange(from - first_slot, to - from);
  }
  return slots;
}

uint32_t SpanHoles::UnitsTouchedBy(uint64_t mask, uint32_t w) const {
  uint32_t units = 0;
  for (; mask != 0; mask &= mask - 1) {
    const uint32_t slot = w * 64 + static_cast<uint32_t>(std::countr_zero(mask));
    units |= UnitsIn(slot * span_.block_bytes, (slot + 1) * span_.block_bytes);
  }
  return units;
}

// Units without a taken slot. Bits that others clear meanwhile are found another time.
uint32_t SpanHoles::FreeUnits() const {
  auto free = static_cast<uint32_t>(BitRange(0, count_));
  for (uint32_t w = 0; w < span_.word_count() && free != 0; ++w) {
    uint64_t used = span_.bits[w].LoadAcquire();
    if (w + 1 == span_.word_count()) used &= ~span_.padding();
    free &= ~UnitsTouchedBy(used & SlotsTouching(free, w), w);
  }
  return free;
}

bool SpanHoles::HasBackedSlot() const {
  const uint32_t holes = span_.holes.LoadRelaxed();  // relaxed: holders before wrote it
  for (uint32_t w = 0; w < span_.word_count(); ++w) {
    if ((~span_.bits[w].LoadAcquire() & ~SlotsTouching(holes, w)) != 0) return true;
  }
  return false;
}

uint32_t SpanHoles::Claim() {
  // Relaxed here and below: the holder is the only writer.
  const uint32_t units = FreeUnits() & ~span_.holes.LoadRelaxed();
  if (units == 0) return 0;
  uint32_t slots = 0;
  for (uint32_t w = 0; w < span_.word_count(); ++w) {
    slots += CountOnes(SlotsTouching(units, w));
  }
  // Their bits are clear, but whoever cleared the last of them may not have counted it yet.
  const uint32_t taken = span_.ownership.Take(slots);
  if (taken < slots) {
    span_.ownership.Return(taken, span_.slots);
    return 0;
  }
  for (uint32_t w = 0; w < span_.word_count(); ++w) {
    const uint64_t mask = SlotsTouching(units, w);
    if (mask != 0) SPANHEAP_CHECK((span_.SetBits(w, mask) & mask) == 0);
  }
  return units;
}

void SpanHoles::Finish(uint32_t claimed, uint32_t released) {
  span_.holes.StoreRelaxed(span_.holes.LoadRelaxed() | released);
  uint32_t slots = 0;
  for (uint32_t w = 0; w < span_.word_count(); ++w) {
    const uint64_t mask = SlotsTouching(claimed, w);
    if (mask == 0) continue;
    slots += CountOnes(mask);
    SPANHEAP_CHECK((span_.ClearBits(w, mask) & mask) == mask);
  }
  span_.ownership.Return(slots, span_.slots);  // held: nothing follows from it
}

}  // namespace spanheap
