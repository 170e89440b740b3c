// SPDX-License-Identifier: MIT
//
// HeapReport: where the heap's memory is, as plain numbers; everything that shows statistics to
// people or programs renders this one structure.
//
// Invariants. mapped is the sum of the seven categories below it (AddsUp), to the byte when the
//             heap is quiet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spanheap {

struct SizeClassReport {
  uint64_t block_bytes = 0;      // size of one block
  uint64_t spans = 0;            // spans (or runs) of this class
  uint64_t live_blocks = 0;      // in the program's hands
  uint64_t cached_blocks = 0;    // free, in thread caches
  uint64_t free_blocks = 0;      // free, in spans
  uint64_t allocated_total = 0;  // blocks ever taken out of spans for this class
};

struct HeapReport {
  static constexpr unsigned kMaxClasses = 160;
  static constexpr unsigned kVersion = 1;

  // Bytes. The categories of `mapped`:
  uint64_t mapped_bytes = 0;         // made ready by the OS for blocks and metadata
  uint64_t live_bytes = 0;           // blocks in the program's hands, rounded to their class
  uint64_t free_in_spans_bytes = 0;  // free slots and tails of spans
  uint64_t thread_cache_bytes = 0;   // free blocks in thread caches
  uint64_t free_pages_bytes = 0;     // free pages that may be backed
  uint64_t released_bytes = 0;       // pages given back or never touched: address space only
  uint64_t metadata_bytes = 0;       // tables, bitmaps, records, thread blocks
  uint64_t page_cache_bytes = 0;     // free pages held by thread page caches

  // Beside the sum:
  uint64_t rounding_waste_bytes = 0;  // part of live: usable minus requested, exact for runs only
  uint64_t reserved_bytes = 0;        // inaccessible address space held
  uint64_t peak_mapped_bytes = 0;
  uint64_t threads = 0;  // thread caches now attached
  uint64_t refills = 0;
  uint64_t flushes = 0;
  uint64_t page_allocations = 0;  // taken under the page heap's lock
  uint64_t os_releases = 0;       // release calls that succeeded

  unsigned class_count = 0;  // entries used of `classes`
  SizeClassReport classes[kMaxClasses];

  bool AddsUp() const {
    return mapped_bytes == live_bytes + free_in_spans_bytes + thread_cache_bytes +
                               free_pages_bytes + released_bytes + metadata_bytes +
                               page_cache_bytes;
  }
};

}  // namespace spanheap
