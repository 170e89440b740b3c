// SPDX-License-Identifier: MIT
//
// What the collector tells of its cycles: CollectorTotals of all, CycleFigures of one.
//
// Threads.    Totals: any. Figures: the collector's thread; Collector publishes the last ones.
#pragma once

#include <cstdint>

#include "base/atomic.h"

namespace spanheap::collected {

struct CollectorTotals {
  Atomic<uint64_t> forced_cycles;
  Atomic<uint64_t> stop_ns;
  Atomic<uint64_t> longest_stop_ns;
  Atomic<uint64_t> stops;
  Atomic<uint64_t> assist_ns;  // processor time, in all
  Atomic<uint64_t> background_ns;
};

struct CycleFigures {
  uint64_t number = 0;
  bool forced = false;
  bool young = false;     // what was marked before counts as alive
  uint64_t start_ns = 0;  // monotonic
  uint64_t stop1_ns = 0;  // how long
  uint64_t mark_ns = 0;
  uint64_t stop2_ns = 0;
  uint64_t live_at_start = 0;  // bytes
  uint64_t live_at_end = 0;
  uint64_t marked = 0;
  uint64_t held = 0;  // slots that threads had claimed and not handed out when the mark began
  uint64_t goal = 0;
  uint64_t assist_ns = 0;  // processor time
  uint64_t background_ns = 0;
  uint32_t processors = 1;
  uint32_t threads = 0;  // records of them
  uint64_t heap_scanned = 0;
  uint64_t roots_scanned = 0;
  uint64_t stacks_scanned = 0;  // of these
  uint64_t marked_objects = 0;

  // What HeapState::live begins with after the cycle.
  uint64_t live() const { return marked + held; }
};

}  // namespace spanheap::collected
