// SPDX-License-Identifier: MIT
#include "collect/span_records.h"

#include <cstring>

#include "base/bits.h"
#include "base/check.h"

namespace spanheap::collected {
namespace {

unsigned OrderFor(uint32_t slots) { return slots < 2 ? 1 : Log2Ceil(slots); }

}  // namespace

bool SpanRecords::Init(os::Memory& memory, MetadataArena& metadata, size_t capacity,
                       MemoryGauge& gauge) {
  gauge_ = &gauge;
  memory_ = &memory;
  metadata_ = &metadata;
  capacity_ = RoundUp(capacity, kStep);
  const Bytes size(capacity_ * sizeof(CollectedSpan));
  const Address start = memory.Reserve(size, 64_KiB, "spanheap collected spans");
  if (start == Address()) return false;
  spans_ = PointerTo<CollectedSpan>(start);
  end_.StoreRelease(1);
  if (Grow()) return true;
  memory.Unreserve(start, size);
  return false;
}

bool SpanRecords::Grow() {
  MutexLock lock(growth_);
  const uint32_t ready = ready_.LoadRelaxed();  // relaxed: written under this lock
  if (ready > end_.LoadAcquire()) return true;  // somebody else has grown it meanwhile
  if (ready >= capacity_) return false;
  if (!memory_->MakeReady(AddressOf(spans_ + ready), Bytes(kStep * sizeof(CollectedSpan)))) {
    return false;
  }
  gauge_->Charge(Bytes(kStep * sizeof(CollectedSpan)));
  ready_.StoreRelease(ready + kStep);
  return true;
}

CollectedSpan* SpanRecords::Allocate() {
  do {
    MutexLock lock(mutex_);
    if (free_ != 0) {
      CollectedSpan* span = &spans_[free_];
      free_ = span->next;
      span->next = 0;
      return span;
    }
    const uint32_t next = end_.LoadRelaxed();  // relaxed: written under this lock
    if (next < ready_.LoadAcquire()) {
      end_.StoreRelease(next + 1);
      return &spans_[next];
    }
  } while (Grow());
  return nullptr;
}

void SpanRecords::Free(CollectedSpan* span) {
  SPANHEAP_DCHECK(span->type_ids == nullptr);
  MutexLock lock(mutex_);
  span->next = free_;
  free_ = IndexOf(span);
}

Atomic<uint32_t>* SpanRecords::AllocateIds(uint32_t slots) {
  const unsigned order = OrderFor(slots);
  {
    MutexLock lock(mutex_);
    if (void* ids = free_ids_[order]) {
      memcpy(&free_ids_[order], ids, sizeof(void*));
      memset(ids, 0, sizeof(uint32_t) << order);
      return static_cast<Atomic<uint32_t>*>(ids);
    }
  }
  return static_cast<Atomic<uint32_t>*>(
      metadata_->Allocate(Bytes(sizeof(uint32_t) << order), Bytes(8)));
}

void SpanRecords::FreeIds(Atomic<uint32_t>* ids, uint32_t slots) {
  const unsigned order = OrderFor(slots);
  MutexLock lock(mutex_);
  void* const block = ids;
  memcpy(block, &free_ids_[order], sizeof(void*));
  free_ids_[order] = block;
}

void SpanRecords::ResetInChild() {
  growth_.ResetInChild();
  mutex_.ResetInChild();
}

}  // namespace spanheap::collected
