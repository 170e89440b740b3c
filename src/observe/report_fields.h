// SPDX-License-Identifier: MIT
//
// The fields of a HeapReport by name, once for every rendering: key for programs, label for people.
//
// Invariants. kCategories are exactly the summands of HeapReport::AddsUp.
// Tests.      tests/observe/report_fields_test.cc.
#pragma once

#include <cstdint>

#include "observe/heap_report.h"
#include "spanheap/detail/report_names.h"

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

#define SPANHEAP_HEAP_FIELD(name, label) {#name, label, &HeapReport::name},
#define SPANHEAP_COLLECTED_FIELD(name, label) {#name, label, &CollectedReport::name},
#define SPANHEAP_COLLECTED_CLASS_FIELD(name, label) {#name, &CollectedClassReport::name},

inline constexpr ReportField kReportCategories[] = {SH_HEAP_CATEGORIES(SPANHEAP_HEAP_FIELD)};

// Byte counts beside the sum.
inline constexpr ReportField kReportSizes[] = {
    {"rounding_waste_bytes", "rounding waste (in live)", &HeapReport::rounding_waste_bytes},
    {"large_bytes", "large blocks (in live)", &HeapReport::large_bytes},
    {"sampled_bytes", "sampled blocks (in live)", &HeapReport::sampled_bytes},
    {"hole_bytes", "holes (in released)", &HeapReport::hole_bytes},
    {"released_background_bytes", "given back unasked", &HeapReport::released_background_bytes},
    {"released_eager_bytes", "given back after growth", &HeapReport::released_eager_bytes},
    {"released_limit_bytes", "given back for a limit", &HeapReport::released_limit_bytes},
    {"released_forced_bytes", "given back by a call", &HeapReport::released_forced_bytes},
    {"process_resident_bytes", "resident in the process", &HeapReport::process_resident_bytes},
    {"collected_large_bytes", "large (in collected)", &HeapReport::collected_large_bytes},
    {"counted_bytes", "counts against limits", &HeapReport::counted_bytes},
    {"memlimit_bytes", "memlimit", &HeapReport::memlimit_bytes},
    {"memlimit_target_bytes", "kept below, for it", &HeapReport::memlimit_target_bytes},
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
    {"scavenger_ns", "giving back unasked, ns", &HeapReport::scavenger_ns},
    {"collected_spans", "collected spans", &HeapReport::collected_spans},
    {"large_blocks", "large blocks", &HeapReport::large_blocks},
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

inline constexpr CollectedField kCollectedSizes[] = {SH_COLLECTED_SIZES(SPANHEAP_COLLECTED_FIELD)};

inline constexpr CollectedField kCollectedCounts[] = {
    SH_COLLECTED_COUNTS(SPANHEAP_COLLECTED_FIELD)};

inline constexpr CollectedField kCollectedTimes[] = {SH_COLLECTED_TIMES(SPANHEAP_COLLECTED_FIELD)};

struct HistogramField {
  const char* key;
  uint64_t (CollectedReport::*counts)[CollectedReport::kTimeBuckets];
};
#define SPANHEAP_HISTOGRAM_FIELD(name, label) {#name, &CollectedReport::name},
inline constexpr HistogramField kCollectedHistograms[] = {
    SH_COLLECTED_HISTOGRAMS(SPANHEAP_HISTOGRAM_FIELD)};

inline constexpr CollectedClassField kCollectedClassFields[] = {
    SH_COLLECTED_CLASS(SPANHEAP_COLLECTED_CLASS_FIELD)};

}  // namespace spanheap
