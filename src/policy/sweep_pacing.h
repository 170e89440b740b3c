// SPDX-License-Identifier: MIT
//
// Sweep pacing: how many pages an allocation sweeps first, so that all are swept when the next
// cycle starts; and the goal that a memory limit leaves to collected objects.
//
// Go.      mgcsweep.go deductSweepCredit, gcPaceSweeper; mgcpacer.go memoryLimitHeapGoal. Free
//          slots among objects are overhead there; here what will be filled is room, or a heap
//          whose dead lie scattered would be collected again and again.
// Tests.   tests/policy/sweep_pacing_test.cc.
#pragma once

#include <cstdint>

namespace spanheap::policy {

struct SweepPace {
  double pages_per_byte = 0;  // 0: nothing is left
  uint64_t basis_live = 0;    // live bytes when it was planned
  uint64_t basis_swept = 0;   // pages swept in this cycle until then
};

// To sweep `pages_in_use` - `pages_swept` pages before `live` reaches `trigger`.
SweepPace PlanSweep(uint64_t pages_in_use, uint64_t pages_swept, uint64_t trigger, uint64_t live);

// Pages that are still to be swept before `bytes` more are taken; 0: none.
uint64_t PagesToSweep(const SweepPace& pace, uint64_t live, uint64_t bytes, uint64_t pages_swept);

struct LimitedHeap {
  uint64_t mapped = 0;      // by all faces, metadata included, less what went back to the system
  uint64_t heap_free = 0;   // of that, free pages of the heap
  uint64_t heap_alloc = 0;  // of that, bytes in objects (heap_free + heap_alloc <= mapped)
  uint64_t marked = 0;      // PaceRules::marked()
  // Of that, free slots among objects that will be taken before any page is: they cost nothing.
  uint64_t fillable = 0;
  uint64_t grown = 0;  // pages of objects taken since there were fewest of them in this cycle
};

// Slots when a mark ends, in bytes.
struct SlotsLeft {
  uint64_t wasted = 0;  // that were not expected to be filled
  uint64_t free = 0;    // that were not
  uint64_t grown = 0;   // pages that objects have taken meanwhile
};
// Those that are not expected to be filled until the next mark ends. Pages that were taken show how
// many were not found, if as many are free. If none were, the goal alone may have left them free:
// fewer are expected, or each cycle would be smaller than the one before by the headroom.
uint64_t WastedAfter(const SlotsLeft& left);

// Of the free slots in spans of `span_bytes` with `object_bytes` of objects those that allocation
// will find: all but the wasted ones.
uint64_t FillableBytes(uint64_t span_bytes, uint64_t object_bytes, uint64_t wasted);

// What objects may grow to under the limit; never below what lives. Free slots are not counted on
// once the limit is passed and pages are taken all the same.
uint64_t LimitGoal(const LimitedHeap& heap, uint64_t limit);

// The same under a limit that refuses: cycles are to end before it does, free pages may stay.
uint64_t HardLimitGoal(LimitedHeap heap, uint64_t limit);

}  // namespace spanheap::policy
