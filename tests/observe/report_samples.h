// SPDX-License-Identifier: MIT
//
// Reports to render in tests, and a sink that ends in a string.
#pragma once

#include <string>

#include "observe/heap_report.h"
#include "observe/report_fields.h"
#include "observe/text_sink.h"

namespace spanheap {

// Every field has a value of its own, so that no two can be mixed up; the categories add up.
inline HeapReport SampleReport() {
  HeapReport report;
  report.live_bytes = 64 << 20;
  report.free_in_spans_bytes = 16 << 20;
  report.thread_cache_bytes = 1536;
  report.page_cache_bytes = 8192 * 5;
  report.free_pages_bytes = 8 << 20;
  report.released_bytes = (40 << 20) - 1536 - 8192 * 5 - 4096 * 3 - 65536 * 7;
  report.metadata_bytes = 0;
  report.central_cache_bytes = 4096 * 3;
  report.collected_bytes = 65536 * 7;
  report.collected_large_bytes = 65536 * 2;
  report.large_bytes = 33 << 20;
  report.sampled_bytes = 24576;
  report.hole_bytes = 4096 * 9;
  report.released_background_bytes = 70 << 20;
  report.released_eager_bytes = 60 << 20;
  report.released_limit_bytes = 50 << 20;
  report.released_forced_bytes = 40 << 20;
  report.process_resident_bytes = 90 << 20;
  report.scavenger_ns = 123'456;
  report.counted_bytes = 99 << 20;
  report.memlimit_bytes = 512 << 20;
  report.memlimit_target_bytes = 496 << 20;
  report.hardlimit_bytes = 600 << 20;
  report.mapped_bytes = 128 << 20;
  report.rounding_waste_bytes = 777;
  report.peak_mapped_bytes = 200 << 20;
  report.reserved_bytes = uint64_t{1} << 40;
  report.threads = 3;
  report.refills = 11;
  report.flushes = 22;
  report.page_allocations = 33;
  report.os_releases = 44;
  report.collected_spans = 55;
  report.large_blocks = 1;
  report.class_count = 3;
  report.classes[0] = {16, 2, 1000, 24, 1000, 5000, 16384, 1024, 66};
  report.classes[1] = {32, 0, 0, 0, 0, 0, 16384, 512, 0};
  report.classes[2] = {48, 1, 5, 0, 165, 9, 8192, 170, 0};
  report.thread_count = 2;
  report.per_thread[0] = {4711, 1024, 8192, 7, 8};
  report.per_thread[1] = {4712, 512, 8192 * 4, 4, 14};
  uint64_t value = uint64_t{1} << 20;
  for (const CollectedField& field : kCollectedSizes) report.collected.*field.value = value += 4096;
  for (const CollectedField& field : kCollectedCounts) report.collected.*field.value = value += 1;
  for (const CollectedField& field : kCollectedTimes) report.collected.*field.value = value += 1;
  for (unsigned i = 0; i < CollectedReport::kTimeBuckets; ++i) {
    report.collected.stop_times[i] = 3 * i;
    report.collected.assist_times[i] = 5 * i;
  }
  report.collected.class_count = 2;
  report.collected.classes[0] = {0, 0, 1, 65536 * 2, 1, 65536 + 9, 0, 0, 0};
  report.collected.classes[1] = {32, 1, 40, 65536 * 5, 7000, 224000, 200, 64, 2976};
  return report;
}

// All numbers as large as they get.
inline HeapReport HugeReport() {
  HeapReport report;
  report.mapped_bytes = report.live_bytes = report.peak_mapped_bytes = UINT64_MAX;
  report.reserved_bytes = report.refills = UINT64_MAX;
  report.class_count = HeapReport::kMaxClasses;
  for (SizeClassReport& line : report.classes) {
    line = {UINT64_MAX, UINT64_MAX, UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4,
            UINT64_MAX, UINT64_MAX, UINT64_MAX,     UINT64_MAX};
  }
  report.thread_count = HeapReport::kMaxThreads;
  for (ThreadReport& thread : report.per_thread) {
    thread = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  }
  report.collected.class_count = CollectedReport::kMaxClasses;
  for (CollectedClassReport& line : report.collected.classes) {
    for (const CollectedClassField& field : kCollectedClassFields) line.*field.value = UINT64_MAX;
  }
  return report;
}

inline bool AppendToString(void* context, const char* data, size_t size) {
  static_cast<std::string*>(context)->append(data, size);
  return true;
}

// What `write(sink)` puts out.
template <class Write>
std::string Rendered(Write write) {
  std::string text;
  TextSink sink(AppendToString, &text);
  write(sink);
  return sink.Finish() ? text : "(a write failed)";
}

}  // namespace spanheap
