// SPDX-License-Identifier: MIT
//
// MemoryGauge: how much memory the heap has taken from the OS and not given back, and whether it
// may take more.
//
// Idea.       What counts is what is mapped minus what is released: pages from the moment a taker
//             gets them (or a thread's page cache does) until they are released, tables and records
//             from the moment they are made ready, blocks in windows as a whole, holes inside
//             spans until they are filled again. Takers charge before they use the memory, so a
//             ceiling is never passed by pages or windows; tables, records and holes that are
//             filled are charged without asking, so that what is refused is always a block.
// Invariants. counted() is the report's mapped minus its released bytes, when the heap is quiet.
// Threads.    Any. Ceiling and target are set by whoever obeys the options; others may see the old
//             ones for a moment.
// Cost.       One atomic addition per take of pages that were not backed.
// Go.         mstats.go mappedReady, mgcpacer.go memoryLimit; the ceiling is ours.
// Tests.      tests/pages/memory_gauge_test.cc, page_heap_test.cc; tests/runtime/limits_test.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "base/units.h"

namespace spanheap {

class MemoryGauge {
 public:
  static constexpr uint64_t kNone = ~uint64_t{0};

  constexpr MemoryGauge() = default;

  // Relaxed here and below: sums and marks that order nothing.
  uint64_t counted() const { return counted_.LoadRelaxed(); }
  uint64_t ceiling() const { return ceiling_.LoadRelaxed(); }
  uint64_t target() const { return target_.LoadRelaxed(); }
  // Below the target: above it free memory goes back in the background.
  uint64_t background() const { return background_.LoadRelaxed(); }
  // The soft limit itself; the target lies somewhat below it.
  uint64_t limit() const { return limit_.LoadRelaxed(); }
  // Above it a cycle of the collected heap may be due though that has not grown.
  bool is_tight() const { return counted() > tight_.LoadRelaxed(); }
  void SetLimit(uint64_t bytes) { limit_.StoreRelaxed(bytes); }
  void SetCeiling(uint64_t bytes) { ceiling_.StoreRelaxed(bytes); }
  void SetTarget(uint64_t bytes) { target_.StoreRelaxed(bytes); }
  void SetBackground(uint64_t bytes) { background_.StoreRelaxed(bytes); }
  void SetTight(uint64_t bytes) { tight_.StoreRelaxed(bytes); }

  bool has_ceiling() const { return ceiling() != kNone; }
  bool is_above_target() const { return counted() > target(); }
  // Bytes for the background to give back; 0: it is not the limit that asks for any.
  uint64_t above_background() const {
    const uint64_t most = background();
    const uint64_t now = counted();
    return now > most ? now - most : 0;
  }
  bool HasRoomFor(Bytes n) const {
    const uint64_t most = ceiling();
    return most == kNone || counted() + n.value <= most;
  }

  // False: that would be too much; nothing is charged then.
  bool TryCharge(Bytes n) {
    if (!has_ceiling()) [[likely]] {
      Charge(n);
      return true;
    }
    uint64_t before = counted();
    do {
      if (before + n.value > ceiling()) return false;
    } while (!counted_.CompareExchange(before, before + n.value));
    return true;
  }
  void Charge(Bytes n) { counted_.FetchAddRelaxed(n.value); }
  void Uncharge(Bytes n) { counted_.FetchSubRelaxed(n.value); }

 private:
  friend struct RootRecord;

  alignas(kCacheLine) Atomic<uint64_t> counted_;
  Atomic<uint64_t> ceiling_{kNone};
  Atomic<uint64_t> target_{kNone};
  Atomic<uint64_t> background_{kNone};
  Atomic<uint64_t> limit_{kNone};
  Atomic<uint64_t> tight_{kNone};
};

}  // namespace spanheap
