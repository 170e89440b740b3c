// SPDX-License-Identifier: MIT
//
// SpanTable: all span records in one array, so that four bytes name a span; and the bitmaps of
// those with more than 64 slots.
//
// Idea.       The array is reserved once and made ready in steps. Unused records wait on a free
//             list. A record keeps its outside bitmap when it is freed and is preferred for spans
//             that need one of that size.
// Invariants. Record 0 is no span. Records never move and are never unmapped.
// Threads.    Any; the free lists are under the lock. Growth has a lock of its own, so that nobody
//             who only takes a free record waits for a system call.
// Fails.      Null when the OS refuses or the array is full.
// Go.         mfixalloc.go, mheap.go allspans.
// Tests.      tests/spans/span_table_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "os/memory.h"
#include "spans/metadata_arena.h"
#include "spans/span.h"
#include "sync/mutex.h"

namespace spanheap {

class SpanTable {
 public:
  constexpr SpanTable() = default;

  // Reserves room for `capacity` records, which are charged to `gauge`, if any. False: the OS
  // refuses; it may be tried again.
  bool Init(os::Memory& memory, MetadataArena& metadata, uint32_t capacity,
            MemoryGauge* gauge = nullptr);

  // A record with room for the bits of `slots` slots (all clear); its state is kUnused.
  Span* Allocate(uint32_t slots);
  void Free(Span* span);

  Span& At(uint32_t index) const { return spans_[index]; }
  uint32_t IndexOf(const Span* span) const { return static_cast<uint32_t>(span - spans_); }
  // Records ever used are 1 .. end() - 1.
  uint32_t end() const { return end_.LoadAcquire(); }
  Bytes mapped() const { return Bytes(ready_.LoadRelaxed() * sizeof(Span)); }  // a statistic
  void ResetInChild();

 private:
  friend struct RootRecord;                // its layout is described to tools
  static constexpr uint32_t kStep = 1024;  // records made ready at a time: 64 KiB
  static constexpr unsigned kOrders = 8;   // bitmaps of 2^0 (inline), 2^1 .. 2^7 words

  static unsigned OrderFor(uint32_t slots);
  Span* PopLocked(unsigned order) REQUIRES(mutex_);
  Span* FreshLocked() REQUIRES(mutex_);
  bool Grow() EXCLUDES(mutex_);
  Span* WithBits(Span* span, uint32_t slots);

  Span* spans_ = nullptr;  // constant after Init
  uint32_t capacity_ = 0;  // constant after Init
  os::Memory* memory_ = nullptr;
  MetadataArena* metadata_ = nullptr;
  MemoryGauge* gauge_ = nullptr;
  Mutex growth_{LockRank::kSpanGrowth};
  Mutex mutex_{LockRank::kSpanRecords};
  uint32_t free_[kOrders] GUARDED_BY(mutex_) = {};
  Atomic<uint32_t> end_;    // written under mutex_
  Atomic<uint32_t> ready_;  // records made ready; written under growth_
};

}  // namespace spanheap
