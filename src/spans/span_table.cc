// SPDX-License-Identifier: MIT
#include "spans/span_table.h"

#include "base/bits.h"
#include "base/check.h"

namespace spanheap {

bool SpanTable::Init(os::Memory& memory, MetadataArena& metadata, uint32_t capacity,
                     MemoryGauge* gauge) {
  memory_ = &memory;
  gauge_ = gauge;
  metadata_ = &metadata;
  capacity_ = capacity;
  const Bytes size = RoundUp(Bytes(size_t{capacity} * sizeof(Span)), 64_KiB);
  const Address start = memory.Reserve(size, 64_KiB, "spanheap-spans");
  if (start == Address()) return false;
  spans_ = PointerTo<Span>(start);
  end_.StoreRelease(1);
  if (Grow()) return true;
  memory.Unreserve(start, size);
  return false;
}

unsigned SpanTable::OrderFor(uint32_t slots) { return Log2Ceil(DivideUp(slots, 64)); }

Span* SpanTable::Allocate(uint32_t slots) {
  const unsigned order = OrderFor(slots);
  do {
    Span* span;
    {
      MutexLock lock(mutex_);
      span = PopLocked(order);
      if (span == nullptr) span = PopLocked(0);
      if (span == nullptr) span = FreshLocked();
    }
    if (span != nullptr) return WithBits(span, slots);
  } while (Grow());
  return nullptr;
}

Span* SpanTable::PopLocked(unsigned order) {
  const uint32_t index = free_[order];
  if (index == 0) return nullptr;
  free_[order] = spans_[index].child;
  return &spans_[index];
}

Span* SpanTable::FreshLocked() {
  const uint32_t next = end_.LoadRelaxed();  // relaxed: written under this lock
  if (next >= ready_.LoadAcquire()) return nullptr;
  end_.StoreRelease(next + 1);
  return &spans_[next];
}

bool SpanTable::Grow() {
  MutexLock lock(growth_);
  const uint32_t ready = ready_.LoadRelaxed();  // relaxed: written under this lock
  if (ready > end_.LoadAcquire()) return true;  // somebody else has grown it meanwhile
  if (ready >= capacity_) return false;
  const uint32_t step = capacity_ - ready < kStep ? capacity_ - ready : kStep;
  const Bytes size = RoundUp(Bytes(size_t{step} * sizeof(Span)), os::PageSize());
  if (!memory_->MakeReady(AddressOf(spans_ + ready), size)) return false;
  if (gauge_ != nullptr) gauge_->Charge(Bytes(size_t{step} * sizeof(Span)));
  ready_.StoreRelease(ready + step);
  return true;
}

Span* SpanTable::WithBits(Span* span, uint32_t slots) {
  const unsigned order = OrderFor(slots);
  if (order == 0) {
    if (span->bits_order == 0) span->bits = &span->inline_bits;
  } else if (span->bits_order != order) {
    SPANHEAP_DCHECK(span->bits_order == 0);
    void* bits = metadata_->Allocate(Bytes(size_t{8} << order), Bytes(8));
    if (bits == nullptr) {
      Free(span);
      return nullptr;
    }
    span->bits = static_cast<Atomic<uint64_t>*>(bits);
    span->bits_order = static_cast<uint8_t>(order);
  }
  span->slots = static_cast<uint16_t>(slots);
  for (uint32_t w = 0; w < span->word_count(); ++w)
    span->bits[w].StoreRelaxed(0);  // not shared yet
  return span;
}

void SpanTable::Free(Span* span) {
  MutexLock lock(mutex_);
  span->child = free_[span->bits_order];
  free_[span->bits_order] = IndexOf(span);
}

void SpanTable::ResetInChild() {
  growth_.ResetInChild();
  mutex_.ResetInChild();
}

}  // namespace spanheap
