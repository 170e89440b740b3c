// SPDX-License-Identifier: MIT
//
// CollectedReport: the collected heap's part of a HeapReport: what its spans hold, how far the
// collector is, what it has cost.
//
// Invariants. span_bytes of the classes add up to HeapReport::collected_bytes, and within a class
//             span_bytes is live, dead, cached and free objects and a tail, to the byte where no
//             thread allocates and nothing is swept meanwhile.
#pragma once

#include <cstdint>

namespace spanheap {

// Spans of one size class, those with and those without pointers in rows of their own.
struct CollectedClassReport {
  uint64_t block_bytes = 0;   // size of one object; 0: large ones, each with a span of its own
  uint64_t has_pointers = 0;  // 1: its objects are scanned
  uint64_t spans = 0;
  uint64_t span_bytes = 0;
  uint64_t live_objects = 0;    // reachable by the last mark, or younger
  uint64_t live_bytes = 0;      // of large ones what was asked for, of others block_bytes each
  uint64_t dead_objects = 0;    // not reachable by the last mark; not swept yet
  uint64_t cached_objects = 0;  // free, claimed by threads for their next calls
  uint64_t free_objects = 0;    // free, in spans
};

struct CollectedReport {
  static constexpr unsigned kMaxClasses = 136;

  // How far the collector is.
  uint64_t cycles = 0;         // marks that have ended
  uint64_t forced_cycles = 0;  // of these, those that the program asked for
  uint64_t phase = 0;          // 0: between cycles, 1: marking, 2: ending a mark
  uint64_t unswept_spans = 0;  // of the last cycle
  uint64_t threads = 0;        // known to the collector now
  // Bytes.
  uint64_t live_bytes = 0;     // in objects: marked, and what was claimed since
  uint64_t marked_bytes = 0;   // live after the last mark
  uint64_t goal_bytes = 0;     // of live_bytes at the end of the next mark; 0: none
  uint64_t trigger_bytes = 0;  // of live_bytes at which the next cycle begins; 0: never
  uint64_t external_bytes = 0;
  uint64_t allocated_bytes = 0;  // since the start
  uint64_t freed_bytes = 0;
  // What it has cost since the start.
  uint64_t stops = 0;
  uint64_t stop_total_ns = 0;
  uint64_t stop_max_ns = 0;
  uint64_t assist_ns = 0;      // processor time of threads that marked while they allocated
  uint64_t background_ns = 0;  // processor time of the collector's own threads
  // The last cycle.
  uint64_t last_stop1_ns = 0;  // before marking
  uint64_t last_mark_ns = 0;   // beside the program
  uint64_t last_stop2_ns = 0;  // after it
  uint64_t last_assist_ns = 0;
  uint64_t last_background_ns = 0;
  uint64_t last_scanned_bytes = 0;  // of objects and roots
  uint64_t marked_objects = 0;

  unsigned class_count = 0;  // entries used of `classes`: those with spans
  CollectedClassReport classes[kMaxClasses];

  // How often something took how long since the start. Bucket i: 2^i ns and more, less than twice
  // that (0: less than 2 ns, 39: more than nine minutes).
  static constexpr unsigned kTimeBuckets = 40;
  uint64_t stop_times[kTimeBuckets] = {};
  uint64_t assist_times[kTimeBuckets] = {};
};

}  // namespace spanheap
