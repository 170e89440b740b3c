// SPDX-License-Identifier: MIT
//
// Where the memory is, and whether everything agrees with everything.
#include <algorithm>
#include <new>

#include "base/check.h"
#include "observe/heap_report.h"
#include "os/limits.h"
#include "os/on_pages.h"
#include "runtime/census.h"
#include "runtime/collected_heap.h"
#include "runtime/give_back.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"

namespace spanheap::heap {
namespace {

void AddClass(const Census& census, unsigned c, HeapReport& report) {
  SizeClassReport& row = report.classes[c - 1];
  const uint64_t size = BlockBytes(c);
  row.block_bytes = size;
  row.live_blocks = census.live(c);
  row.cached_blocks = census.cached[c];
  row.allocated_total = census.taken[c];
  row.rounding_waste_bytes = census.WasteOf(c, row.live_blocks);
  row.span_bytes = BytesOf(Pages(kMallocClasses[c].span_pages)).value;
  row.span_blocks = 1;
  row.spans = census.out(c);
  if (IsSmallClass(c)) {
    row.span_blocks = kMallocClasses[c].slots;
    row.spans = runtime.spans.span_count(c);
    row.free_blocks = row.spans * kMallocClasses[c].slots - census.out(c);
    report.free_in_spans_bytes -= census.out(c) * size;
  }
  report.live_bytes += row.live_blocks * size;
  report.rounding_waste_bytes += row.rounding_waste_bytes;
  const uint64_t shelved = std::min(census.shelved[c], row.cached_blocks);
  report.central_cache_bytes += shelved * size;
  report.thread_cache_bytes += (row.cached_blocks - shelved) * size;
}

void AddPages(HeapReport& report) {
  const PageHeapStats pages = runtime.pages.ReadStats();
  report.mapped_bytes = pages.mapped();
  report.metadata_bytes = pages.metadata;
  report.free_pages_bytes = pages.free_backed;
  report.central_cache_bytes = runtime.spans.kept_run_bytes();
  report.hole_bytes = runtime.spans.hole_bytes();
  report.released_bytes = pages.released + report.hole_bytes;
  report.page_cache_bytes = pages.cached;
  report.reserved_bytes = pages.reserved;
  report.peak_mapped_bytes = pages.peak_grown;
  report.page_allocations = pages.allocations;
  report.os_releases = pages.os_releases;
}

void AddCollected(HeapReport& report) {
  const CollectedHeap* heap = CollectedHeap::GetIfStarted();
  if (heap == nullptr) return;
  const auto stats = heap->collector.store.ReadStats();
  const uint64_t tables = heap->collector.store.metadata().value;
  report.collected_bytes = stats.span_bytes;
  report.collected_large_bytes = stats.large_bytes;
  report.collected_spans = stats.spans;
  heap->FillReport(report.collected);
  report.metadata_bytes += tables;
  report.mapped_bytes += tables;
}

void AddLimits(HeapReport& report) {
  const MemoryGauge& gauge = runtime.pages.gauge();
  report.counted_bytes = report.mapped_bytes - report.released_bytes;
  if (gauge.limit() != MemoryGauge::kNone) {
    report.memlimit_bytes = gauge.limit();
    report.memlimit_target_bytes = gauge.target();
  }
  if (gauge.has_ceiling()) report.hardlimit_bytes = gauge.ceiling();
}

// Nobody has the turn: every thread is outside of sections.
void AddScavenger(HeapReport& report) {
  Scavenger& scavenger = runtime.scavenger;
  report.released_background_bytes = scavenger.released_by(ReleaseCause::kBackground);
  report.released_eager_bytes = scavenger.released_by(ReleaseCause::kEager);
  report.released_limit_bytes = scavenger.released_by(ReleaseCause::kLimit);
  report.released_forced_bytes = scavenger.released_by(ReleaseCause::kForced);
  if (!scavenger.TryTake()) return;
  report.scavenger_ns = scavenger.spent_ns();
  scavenger.Leave();
}

void FillReport(const Census& census, HeapReport& report) {
  AddPages(report);
  const uint64_t records = runtime.metadata.mapped().value + runtime.spans.table().mapped().value;
  const uint64_t large = runtime.large.live_bytes().value;
  report.metadata_bytes += records;
  report.mapped_bytes += records + large;
  report.reserved_bytes += runtime.large.reserved_bytes().value;
  report.large_bytes = large;
  report.large_blocks = runtime.large.live_count();
  report.sampled_bytes = runtime.spans.solo_bytes();
  report.live_bytes = large + report.sampled_bytes;
  report.rounding_waste_bytes = runtime.large.waste_bytes().value;
  report.free_in_spans_bytes = runtime.spans.small_bytes() - report.hole_bytes;
  report.class_count = kMallocClassCount - 1;
  for (unsigned c = 1; c < kMallocClassCount; ++c) AddClass(census, c, report);
  report.threads = census.threads;
  report.refills = census.refills;
  report.flushes = census.flushes;
  report.thread_count = census.listed;
  std::copy(census.per_thread, census.per_thread + census.listed, report.per_thread);
  AddCollected(report);
  AddLimits(report);
  AddScavenger(report);
}

}  // namespace

void ReadReport(HeapReport& report) {
  ::new (&report) HeapReport();  // an assignment would have another on the stack
  if (!runtime.EnsureStarted()) return;
  report.process_resident_bytes = os::ResidentBytes().value;
  const os::OnPages<Census> census;
  if (!census.is_there()) return;
  const auto fill = [](const Census& counted, void* to) {
    FillReport(counted, *static_cast<HeapReport*>(to));
  };
  Census::Take(*census, fill, &report);
}

namespace {

// With every thread outside of the slow paths, the heap's own among them: what spans and pages say
// fits what was counted.
uint64_t VerifyCounted(const Census& census) {
  uint64_t used[kMallocClassCount] = {};
  runtime.spans.Verify(used);
  uint64_t live = runtime.spans.solo_count() + runtime.large.live_count();
  uint64_t page_bytes =
      runtime.spans.small_bytes() + runtime.spans.solo_bytes() + runtime.spans.kept_run_bytes();
  if (const CollectedHeap* collected = CollectedHeap::GetIfStarted()) {
    page_bytes += collected->collector.store.ReadStats().span_bytes;
  }
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    if (IsSmallClass(c)) {
      SPANHEAP_CHECK(used[c] == census.out(c) && "slots in use are those that threads took");
    } else {
      page_bytes += census.out(c) * BlockBytes(c);
    }
    live += census.live(c);
  }
  const uint64_t used_pages = runtime.pages.Verify();
  SPANHEAP_CHECK(BytesOf(Pages(static_cast<uint32_t>(used_pages))).value == page_bytes);
  return live;
}

}  // namespace

uint64_t Verify() {
  if (!runtime.EnsureStarted()) return 0;
  while (runtime.threads.has_orphans()) runtime.threads.ReclaimOrphan();
  if (const HeapSection section; section.is_open()) section.cache().Verify();
  Census census;
  uint64_t live = 0;
  const auto verify = [](const Census& counted, void* to) {
    *static_cast<uint64_t*>(to) = VerifyCounted(counted);
  };
  Census::Take(census, verify, &live);
  return live;
}

void FlushThreadCache() { FlushThisThread(); }

namespace {

// What is free for all goes, but for so much.
Bytes MostToTrim(size_t keep) {
  if (keep == 0 && options.minheap.value == 0) return Bytes(~size_t{0});
  const HeapSection section;
  if (!section.is_open()) return Bytes(0);
  runtime.spans.GiveUpSpares();
  const uint64_t backed = runtime.pages.ReadStats().free_backed;
  if (backed <= keep) return Bytes(0);
  const uint64_t counted = runtime.pages.gauge().counted();
  return Bytes(policy::AboveFloor(backed - keep, counted, options.minheap.value));
}

}  // namespace

bool Trim(size_t keep) {
  if (!runtime.EnsureStarted()) return false;
  TrimSleepingThreads();
  if (!FlushThisThread()) return false;
  const Bytes most = MostToTrim(keep);
  return most >= kPageSize && ReleaseInPieces(most, ReleaseCause::kForced).value != 0;
}

}  // namespace spanheap::heap
