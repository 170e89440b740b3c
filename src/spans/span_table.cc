// SPDX-License-Identifier: MIT
#include "spans/span_table.h"

#include "base/bits.h"
#include "base/platform.h"

namespace spanheap {
namespace {

// Words of a bitmap are a power of two, in rows of cells that are one, too.
constexpr Bytes kBitCell{32};
constexpr unsigned kCellWordsShift = Log2Floor(kBitCell.value / sizeof(uint64_t));
unsigned RowOrder(unsigned bits_order) {
  return bits_order > kCellWordsShift ? bits_order - kCellWordsShift : 0;
}

}  // namespace

SPANHEAP_AT_START bool SpanTable::Init(os::Memory& memory, SpanRoom room, MemoryGauge* gauge) {
  constexpr Bytes kRecord(sizeof(Span));
  const Bytes records = CellArray::SpaceFor(room.records, kRecord);
  const Bytes bits = CellArray::SpaceFor(room.bit_cells, kBitCell);
  const Address space = memory.Reserve(records + bits, CellArray::kStep, "spanheap spans");
  if (space == Address()) return false;
  records_.Init(memory, space, room.records, kRecord, gauge);
  bits_.Init(memory, space + records, room.bit_cells, kBitCell, gauge);
  spans_ = records_.As<Span>();
  return true;
}

Span* SpanTable::Allocate(uint32_t slots) {
  const uint32_t index = records_.Take(0);
  if (index == 0) return nullptr;
  Span& span = spans_[index];
  if (!TakeBits(span, slots)) {
    records_.Give(index, 0);
    return nullptr;
  }
  span.slots = static_cast<uint16_t>(slots);
  for (uint32_t w = 0; w < span.word_count(); ++w) span.bits[w].StoreRelaxed(0);  // not shared yet
  return &span;
}

bool SpanTable::TakeBits(Span& span, uint32_t slots) {
  span.bits_order = static_cast<uint8_t>(Log2Ceil(DivideUp(slots, 64)));
  if (span.bits_order == 0) {
    span.bits = &span.inline_bits;
    return true;
  }
  const uint32_t first = bits_.Take(RowOrder(span.bits_order));
  if (first == 0) return false;
  span.bits = PointerTo<Atomic<uint64_t>>(AddressOf(bits_.As<char>()) + kBitCell * first);
  return true;
}

void SpanTable::Free(Span* span) {
  if (span->bits_order != 0) {
    const Bytes offset = AddressOf(span->bits) - AddressOf(bits_.As<char>());
    bits_.Give(static_cast<uint32_t>(offset / kBitCell), RowOrder(span->bits_order));
  }
  records_.Give(IndexOf(span), 0);
}

void SpanTable::GiveBackIdle() {
  records_.GiveBackIdle();
  bits_.GiveBackIdle();
}

void SpanTable::ResetInChild() {
  records_.ResetInChild();
  bits_.ResetInChild();
}

}  // namespace spanheap
