// SPDX-License-Identifier: MIT
//
// The fields of a HeapReport by name, once for every rendering: key for programs, label for people.
//
// Invariants. kCategories are exactly the summands of HeapReport::AddsUp.
// Tests.      tests/observe/report_fields_test.cc.
#pragma once

#include <cstdint>

#include "observe/heap_report.h"

namespace spanheap {

struct ReportField {
  const char* key;
  const char* label;
  uint64_t HeapReport::* value;
};

inline constexpr ReportField kReportCategories[] = {
    {"live_bytes", "live", &HeapReport::live_bytes},
    {"free_in_spans_bytes", "free in spans", &HeapReport::free_in_spans_bytes},
    {"thread_cache_bytes", "in thread caches", &HeapReport::thread_cache_bytes},
    {"page_cache_bytes", "in page caches", &HeapReport::page_cache_bytes},
    {"free_pages_bytes", "free pages", &HeapReport::free_pages_bytes},
    {"released_bytes", "released", &HeapReport::released_bytes},
    {"metadata_bytes", "metadata", &HeapReport::metadata_bytes},
};

// Byte counts beside the sum.
inline constexpr ReportField kReportSizes[] = {
    {"rounding_waste_bytes", "rounding waste (in live)", &HeapReport::rounding_waste_bytes},
    {"peak_mapped_bytes", "peak mapped", &HeapReport::peak_mapped_bytes},
    {"reserved_bytes", "address space reserved", &HeapReport::reserved_bytes},
};

inline constexpr ReportField kReportCounts[] = {
    {"threads", "threads attached", &HeapReport::threads},
    {"refills", "thread cache refills", &HeapReport::refills},
    {"flushes", "thread cache flushes", &HeapReport::flushes},
    {"page_allocations", "page allocations (locked)", &HeapReport::page_allocations},
    {"os_releases", "releases to the OS", &HeapReport::os_releases},
};

struct ClassField {
  const char* key;
  uint64_t SizeClassReport::* value;
};

inline constexpr ClassField kClassFields[] = {
    {"block_bytes", &SizeClassReport::block_bytes},
    {"spans", &SizeClassReport::spans},
    {"live_blocks", &SizeClassReport::live_blocks},
    {"cached_blocks", &SizeClassReport::cached_blocks},
    {"free_blocks", &SizeClassReport::free_blocks},
    {"allocated_total", &SizeClassReport::allocated_total},
};

}  // namespace spanheap
