// SPDX-License-Identifier: MIT
//
// SpanRecords: all records of collected spans in one array, so that four bytes name a span, and
// the type numbers of those that have one per slot.
//
// Idea.       Reserved once, made ready in steps; free records wait on a list. Arrays of type
//             numbers come in powers of two from the metadata and are kept by size when a span
//             goes.
// Invariants. Record 0 is no span. Records never move and are never unmapped, so a marker that
//             looks at a record late reads stale numbers, never a fault.
// Threads.    Any.
// Fails.      Null when the OS refuses.
// Go.         mfixalloc.go, mheap.go allspans.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include "base/annotations.h"
#include "collect/collected_span.h"
#include "os/memory.h"
#include "pages/memory_gauge.h"
#include "spans/metadata_arena.h"
#include "sync/mutex.h"

namespace spanheap {
struct RootRecord;
}  // namespace spanheap

namespace spanheap::collected {

class SpanRecords {
 public:
  constexpr SpanRecords() = default;

  // What is made ready is charged to `gauge`.
  bool Init(os::Memory& memory, MetadataArena& metadata, size_t capacity, MemoryGauge& gauge);

  CollectedSpan* Allocate();
  void Free(CollectedSpan* span);
  // Type numbers for `slots` slots, all 0; null when there is no memory.
  Atomic<uint32_t>* AllocateIds(uint32_t slots);
  void FreeIds(Atomic<uint32_t>* ids, uint32_t slots);

  CollectedSpan& At(uint32_t index) const { return spans_[index]; }
  uint32_t IndexOf(const CollectedSpan* span) const { return static_cast<uint32_t>(span - spans_); }
  // Records ever used are 1 .. end() - 1.
  uint32_t end() const { return end_.LoadAcquire(); }
  Bytes mapped() const { return Bytes(ready_.LoadRelaxed() * sizeof(CollectedSpan)); }
  void ResetInChild();

 private:
  friend struct spanheap::RootRecord;        // its layout is described to tools
  static constexpr uint32_t kStep = 1024;    // records made ready at a time: 64 KiB
  static constexpr unsigned kIdOrders = 11;  // up to 1024 numbers

  bool Grow() EXCLUDES(mutex_);

  CollectedSpan* spans_ = nullptr;  // const after Init, down to metadata_
  size_t capacity_ = 0;
  os::Memory* memory_ = nullptr;
  MemoryGauge* gauge_ = nullptr;
  MetadataArena* metadata_ = nullptr;
  Mutex growth_{LockRank::kSpanGrowth};
  Mutex mutex_{LockRank::kSpanRecords};
  uint32_t free_ GUARDED_BY(mutex_) = 0;
  void* free_ids_[kIdOrders] GUARDED_BY(mutex_) = {};  // each begins with the next one's address
  Atomic<uint32_t> end_;                               // written under mutex_
  Atomic<uint32_t> ready_;                             // written under growth_
};

}  // namespace spanheap::collected
