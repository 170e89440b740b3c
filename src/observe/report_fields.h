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
    {"central_cache_bytes", "in central caches", &HeapReport::central_cache_bytes},
    {"page_cache_bytes", "in page caches", &HeapReport::page_cache_bytes},
    {"free_pages_bytes", "free pages", &HeapReport::free_pages_bytes},
    {"released_bytes", "released", &HeapReport::released_bytes},
    {"metadata_bytes", "metadata", &HeapReport::metadata_bytes},
    {"collected_bytes", "collected heap", &HeapReport::collected_bytes},
};

// Byte counts beside the sum.
inline constexpr ReportField kReportSizes[] = {
    {"rounding_waste_bytes", "rounding waste (in live)", &HeapReport::rounding_waste_bytes},
    {"large_bytes", "large blocks (in live)", &HeapReport::large_bytes},
    {"sampled_bytes", "sampled blocks (in live)", &HeapReport::sampled_bytes},
    {"hole_bytes", "holes (in released)", &HeapReport::hole_bytes},
    {"collected_large_bytes", "large (in collected)", &HeapReport::collected_large_bytes},
    {"counted_bytes", "counts against limits", &HeapReport::counted_bytes},
    {"memlimit_bytes", "memlimit", &HeapReport::memlimit_bytes},
    {"hardlimit_bytes", "hardlimit", &HeapReport::hardlimit_bytes},
    {"peak_mapped_bytes", "peak mapped", &HeapReport::peak_mapped_bytes},
    {"reserved_bytes", "address space reserved", &HeapReport::reserved_bytes},
};

inline constexpr ReportField kReportCounts[] = {
    {"threads", "threads attached", &HeapReport::threads},
    {"refills", "thread cache refills", &HeapReport::refills},
    {"flushes", "thread cache flushes", &HeapReport::flushes},
    {"page_allocations", "page allocations (locked)", &HeapReport::page_allocations},
    {"os_releases", "releases to the OS", &HeapReport::os_releases},
    {"collected_spans", "collected spans", &HeapReport::collected_spans},
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
    {"span_bytes", &SizeClassReport::span_bytes},
    {"span_blocks", &SizeClassReport::span_blocks},
    {"rounding_waste_bytes", &SizeClassReport::rounding_waste_bytes},
};

struct ThreadField {
  const char* key;
  uint64_t ThreadReport::* value;
};

inline constexpr ThreadField kThreadFields[] = {
    {"id", &ThreadReport::id},
    {"cached_bytes", &ThreadReport::cached_bytes},
    {"page_cache_bytes", &ThreadReport::page_cache_bytes},
    {"refills", &ThreadReport::refills},
    {"flushes", &ThreadReport::flushes},
};

}  // namespace spanheap
