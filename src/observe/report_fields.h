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

template <class Report>
struct LabelledField {
  const char* key;
  const char* label;
  uint64_t Report::* value;
};
using ReportField = LabelledField<HeapReport>;
using CollectedField = LabelledField<CollectedReport>;

// Of rows, whose labels are the heads of their columns.
template <class Row>
struct RowField {
  const char* key;
  uint64_t Row::* value;
};
using ClassField = RowField<SizeClassReport>;
using ThreadField = RowField<ThreadReport>;
using CollectedClassField = RowField<CollectedClassReport>;

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

inline constexpr ThreadField kThreadFields[] = {
    {"id", &ThreadReport::id},
    {"cached_bytes", &ThreadReport::cached_bytes},
    {"page_cache_bytes", &ThreadReport::page_cache_bytes},
    {"refills", &ThreadReport::refills},
    {"flushes", &ThreadReport::flushes},
};

inline constexpr CollectedField kCollectedSizes[] = {
    {"live_bytes", "live now", &CollectedReport::live_bytes},
    {"marked_bytes", "live after the last mark", &CollectedReport::marked_bytes},
    {"goal_bytes", "goal", &CollectedReport::goal_bytes},
    {"trigger_bytes", "trigger", &CollectedReport::trigger_bytes},
    {"external_bytes", "held elsewhere", &CollectedReport::external_bytes},
    {"allocated_bytes", "allocated so far", &CollectedReport::allocated_bytes},
    {"freed_bytes", "freed so far", &CollectedReport::freed_bytes},
    {"last_scanned_bytes", "scanned by the last mark", &CollectedReport::last_scanned_bytes},
};

inline constexpr CollectedField kCollectedCounts[] = {
    {"cycles", "cycles", &CollectedReport::cycles},
    {"forced_cycles", "cycles asked for", &CollectedReport::forced_cycles},
    {"phase", "phase", &CollectedReport::phase},
    {"unswept_spans", "spans to sweep", &CollectedReport::unswept_spans},
    {"threads", "threads it knows", &CollectedReport::threads},
    {"stops", "stops", &CollectedReport::stops},
    {"marked_objects", "objects marked last", &CollectedReport::marked_objects},
};

inline constexpr CollectedField kCollectedTimes[] = {
    {"stop_total_ns", "stops, all", &CollectedReport::stop_total_ns},
    {"stop_max_ns", "longest stop", &CollectedReport::stop_max_ns},
    {"assist_ns", "assists", &CollectedReport::assist_ns},
    {"background_ns", "in the background", &CollectedReport::background_ns},
    {"last_stop1_ns", "last cycle: first stop", &CollectedReport::last_stop1_ns},
    {"last_mark_ns", "last cycle: mark", &CollectedReport::last_mark_ns},
    {"last_stop2_ns", "last cycle: last stop", &CollectedReport::last_stop2_ns},
    {"last_assist_ns", "last cycle: assists", &CollectedReport::last_assist_ns},
    {"last_background_ns", "last cycle: background", &CollectedReport::last_background_ns},
};

inline constexpr CollectedClassField kCollectedClassFields[] = {
    {"block_bytes", &CollectedClassReport::block_bytes},
    {"has_pointers", &CollectedClassReport::has_pointers},
    {"spans", &CollectedClassReport::spans},
    {"span_bytes", &CollectedClassReport::span_bytes},
    {"live_objects", &CollectedClassReport::live_objects},
    {"live_bytes", &CollectedClassReport::live_bytes},
    {"dead_objects", &CollectedClassReport::dead_objects},
    {"cached_objects", &CollectedClassReport::cached_objects},
    {"free_objects", &CollectedClassReport::free_objects},
};

}  // namespace spanheap
