// SPDX-License-Identifier: MIT
//
// HeapReport: where the heap's memory is, as plain numbers; everything that shows statistics to
// people or programs renders this one structure.
//
// Invariants. mapped is the sum of the nine categories below it (AddsUp), to the byte: a report is
//             taken while nobody is inside the heap's slow paths.
#pragma once

#include <cstddef>
#include <cstdint>

#include "observe/collected_report.h"

namespace spanheap {

struct SizeClassReport {
  uint64_t block_bytes = 0;      // size of one block
  uint64_t spans = 0;            // spans (or runs) of this class
  uint64_t live_blocks = 0;      // in the program's hands
  uint64_t cached_blocks = 0;    // free, in thread caches
  uint64_t free_blocks = 0;      // free, in spans
  uint64_t allocated_total = 0;  // blocks ever taken out of spans for this class
  uint64_t span_bytes = 0;       // size of one span (or run)
  uint64_t span_blocks = 0;      // blocks in one span; 1: a run
  // Part of live: block sizes minus what was asked for, estimated from the requests of this class
  // that reached a slow path.
  uint64_t rounding_waste_bytes = 0;
};

// What one thread keeps for its next calls.
struct ThreadReport {
  uint64_t id = 0;  // the kernel's number of the thread that attached
  uint64_t cached_bytes = 0;
  uint64_t page_cache_bytes = 0;
  uint64_t refills = 0;
  uint64_t flushes = 0;
};

struct HeapReport {
  static constexpr unsigned kMaxClasses = 160;
  static constexpr unsigned kMaxThreads = 64;
  static constexpr unsigned kVersion = 1;

  // Bytes. The categories of `mapped`:
  uint64_t mapped_bytes = 0;         // made ready by the OS for blocks and metadata
  uint64_t live_bytes = 0;           // blocks in the program's hands, rounded to their class
  uint64_t free_in_spans_bytes = 0;  // free slots and tails of spans
  uint64_t thread_cache_bytes = 0;   // free blocks in thread caches
  uint64_t central_cache_bytes = 0;  // free blocks and runs kept for any thread's next call
  uint64_t free_pages_bytes = 0;     // free pages that may be backed
  uint64_t released_bytes = 0;       // given back or never touched: pages, holes inside spans
  uint64_t metadata_bytes = 0;       // tables, bitmaps, records, thread blocks
  uint64_t page_cache_bytes = 0;     // free pages held by thread page caches
  uint64_t collected_bytes = 0;      // spans of the collected heap

  // Beside the sum:
  // Part of live: usable minus requested; exact for blocks in windows, estimated for classes.
  uint64_t rounding_waste_bytes = 0;
  uint64_t large_bytes = 0;    // part of live: blocks in windows of their own
  uint64_t sampled_bytes = 0;  // part of live: blocks with a record of their own
  uint64_t hole_bytes = 0;     // part of released: inside spans
  // Given back so far, by the cause (scavenge/scavenger.h); pages that were used again count twice.
  uint64_t released_background_bytes = 0;
  uint64_t released_eager_bytes = 0;
  uint64_t released_limit_bytes = 0;
  uint64_t released_forced_bytes = 0;
  uint64_t process_resident_bytes = 0;  // of the process, as the kernel counts; 0: unknown
  uint64_t counted_bytes = 0;           // what counts against a limit: mapped minus released
  uint64_t memlimit_bytes = 0;          // the soft limit as it was set; 0: none
  uint64_t memlimit_target_bytes = 0;   // below it: above this allocations give back; 0: none
  uint64_t hardlimit_bytes = 0;         // above it allocations fail; 0: no limit
  uint64_t collected_large_bytes = 0;   // part of collected: spans of one object
  uint64_t reserved_bytes = 0;          // inaccessible address space held
  uint64_t peak_mapped_bytes = 0;
  uint64_t threads = 0;  // thread caches now attached
  uint64_t refills = 0;
  uint64_t flushes = 0;
  uint64_t page_allocations = 0;  // taken under the page heap's lock
  uint64_t os_releases = 0;       // release calls that succeeded
  uint64_t scavenger_ns = 0;      // processor time of giving back unasked
  uint64_t collected_spans = 0;
  uint64_t large_blocks = 0;  // how many large_bytes are

  unsigned class_count = 0;  // entries used of `classes`
  SizeClassReport classes[kMaxClasses];

  unsigned thread_count = 0;  // entries used of per_thread: those that keep most
  ThreadReport per_thread[kMaxThreads];

  CollectedReport collected;

  bool AddsUp() const {
    return mapped_bytes == live_bytes + free_in_spans_bytes + thread_cache_bytes +
                               central_cache_bytes + page_cache_bytes + free_pages_bytes +
                               released_bytes + metadata_bytes + collected_bytes;
  }
};

}  // namespace spanheap
