// SPDX-License-Identifier: MIT
#include "scavenge/hole_sweep.h"

#include "base/count_ones.h"

#include <bit>

#include "spans/span_holes.h"

namespace spanheap {
namespace {

// Ages: see the header.
constexpr uint8_t kTakenFrom = 0;
constexpr uint8_t kLeftAlone = 1;
uint8_t NothingToGainAt(uint32_t free_count) { return static_cast<uint8_t>(2 + free_count % 253); }

// Bits of one range of `claimed` that begins at its lowest bit.
uint32_t LowestRow(uint32_t claimed) {
  const uint64_t from = claimed & -claimed;
  return static_cast<uint32_t>(((claimed + from) ^ claimed) & claimed);
}

}  // namespace

void HoleSweep::Begin() {
  next_ = spans_.table().end() > 1 ? 1 : 0;
  found_ = false;
  forced_ = false;
}

void HoleSweep::BeginForced() {
  Begin();
  forced_ = true;
}

// Relaxed in here: ages are hints.
bool HoleSweep::IsDue(Span& span) {
  if (!span.ownership.is_listed()) return false;
  const uint8_t age = span.age.LoadRelaxed();
  if (forced_) return true;
  if (age == kTakenFrom) {
    span.age.StoreRelaxed(kLeftAlone);
    found_ = true;
    return false;
  }
  return age != NothingToGainAt(span.ownership.free_count());
}

void HoleSweep::AddRanges(Batch& batch, Span& span, uint32_t claimed) {
  const Bytes unit = SpanHoles(span, spans_.os_page()).unit();
  const Address start = spans_.pages().AddressOf(span.first);
  Taken& taken = batch.taken[batch.span_count++];
  taken = {&span, claimed, 0};
  for (uint32_t rest = claimed; rest != 0;) {
    const uint32_t row = LowestRow(rest);
    const Address from = start + Bytes(unit.value * static_cast<size_t>(std::countr_zero(row)));
    batch.ranges[batch.range_count++] = {from, Bytes(unit.value * CountOnes(row))};
    ++taken.ranges;
    rest &= ~row;
  }
}

// Relaxed: as in IsDue. The holder sets the age before anybody else can take slots.
void HoleSweep::LetGo(Span& span, PageCache& cache) {
  span.age.StoreRelaxed(NothingToGainAt(span.ownership.free_count()));
  spans_.DropSpan(span, cache);
}

void HoleSweep::Consider(uint32_t index, Batch& batch, PageCache& cache) {
  if (!IsDue(spans_.table().At(index))) return;
  Span* span = spans_.TakeListed(index);
  if (span == nullptr) return;
  const uint32_t claimed = SpanHoles(*span, spans_.os_page()).Claim();
  if (claimed == 0) {
    LetGo(*span, cache);
    return;
  }
  AddRanges(batch, *span, claimed);
}

Bytes HoleSweep::Release(os::Memory& memory, Batch& batch, PageCache& cache) {
  bool released[kMostRanges];
  for (unsigned i = 0; i < batch.span_count; ++i) {
    const Span& span = *batch.taken[i].span;
    spans_.pages().KeepHolesOpen(span.first, Pages(span.pages));
  }
  memory.ReleaseMany(batch.ranges, batch.range_count, released);
  Bytes sum;
  unsigned range = 0;
  for (unsigned i = 0; i < batch.span_count; ++i) {
    const Taken& taken = batch.taken[i];
    SpanHoles holes(*taken.span, spans_.os_page());
    uint32_t gone = 0;
    uint32_t rest = taken.claimed;
    for (unsigned r = 0; r < taken.ranges; ++r, ++range) {
      const uint32_t row = LowestRow(rest);
      rest &= ~row;
      if (released[range]) gone |= row;
    }
    const Bytes bytes(holes.unit().value * CountOnes(gone));
    spans_.NoteHoles(static_cast<int64_t>(bytes.value));
    holes.Finish(taken.claimed, gone);
    LetGo(*taken.span, cache);
    sum += bytes;
  }
  return sum;
}

Bytes HoleSweep::Go(os::Memory& memory, PageCache& cache, Bytes most, uint32_t records) {
  Bytes released;
  const uint32_t end = spans_.table().end();
  while (next_ != 0 && released < most && records > 0) {
    Batch batch;
    for (; next_ < end && records > 0 && !batch.is_full(); ++next_, --records) {
      Consider(next_, batch, cache);
    }
    if (next_ >= end) next_ = 0;
    if (batch.span_count == 0) continue;
    found_ = true;
    released += Release(memory, batch, cache);
  }
  if (next_ == 0) pending_ = found_;
  return released;
}

}  // namespace spanheap
