// SPDX-License-Identifier: MIT
//
// The collected heap's part of the report.
#include "observe/collected_report.h"
#include "collect/slot_census.h"
#include "policy/pacer.h"
#include "runtime/collected_heap.h"

namespace spanheap {
namespace {

using collected::Domain;
using collected::kSpanKinds;
using collected::SlotCensus;
using collected::SlotCounts;
using collected::SpanKind;

uint64_t ZeroIfNever(uint64_t bytes) { return bytes >= policy::Pacer::kNever ? 0 : bytes; }

void AddKind(const SpanKind& kind, const SlotCounts& counts, CollectedClassReport& row) {
  const bool is_large = kind.pages == 0;
  row.block_bytes = kind.block_bytes;
  row.spans += counts.spans;
  row.span_bytes += counts.pages << kPageShift;
  row.live_objects += counts.live - counts.cached;
  row.live_bytes +=
      is_large ? counts.large_bytes : (counts.live - counts.cached) * kind.block_bytes;
  row.dead_objects += counts.dead;
  row.cached_objects += counts.cached;
  row.free_objects += counts.free;
}

// A row for each class without pointers, and one for both domains with them.
void AddClasses(const SlotCensus& census, CollectedReport& report) {
  static_assert(collected::kClassCount * 2 <= CollectedReport::kMaxClasses);
  for (unsigned c = 0; c < collected::kClassCount; ++c) {
    CollectedClassReport rows[2];
    rows[1].has_pointers = 1;
    for (const Domain domain : {Domain::kNoScan, Domain::kBits, Domain::kTyped}) {
      const uint8_t kind = collected::KindFor(c, domain);
      AddKind(kSpanKinds[kind], census.of(kind), rows[domain == Domain::kNoScan ? 0 : 1]);
    }
    for (const CollectedClassReport& row : rows) {
      if (row.spans != 0) report.classes[report.class_count++] = row;
    }
  }
}

void AddLastCycle(const collected::CycleFigures& last, CollectedReport& report) {
  report.marked_bytes = last.marked;
  report.marked_objects = last.marked_objects;
  report.last_stop1_ns = last.stop1_ns;
  report.last_mark_ns = last.mark_ns;
  report.last_stop2_ns = last.stop2_ns;
  report.last_assist_ns = last.assist_ns;
  report.last_background_ns = last.background_ns;
  report.last_scanned_bytes = last.heap_scanned + last.roots_scanned;
}

}  // namespace

void CollectedHeap::FillReport(CollectedReport& report) const {
  const collected::CollectorTotals& totals = collector.totals;
  const collected::SpanStoreStats spans = collector.store.ReadStats();
  // Relaxed: statistics.
  report.cycles = collector.cycles();
  report.forced_cycles = totals.forced_cycles.LoadRelaxed();
  report.phase = static_cast<uint64_t>(collector.state.phase.LoadAcquire());
  report.unswept_spans = spans.unswept;
  report.threads = mutators.count();
  report.live_bytes = collector.state.live.LoadRelaxed();
  report.goal_bytes = ZeroIfNever(collector.state.goal.LoadRelaxed());
  report.trigger_bytes = ZeroIfNever(collector.state.trigger.LoadRelaxed());
  report.external_bytes = static_cast<uint64_t>(collector.specials.external_bytes());
  report.allocated_bytes = collector.state.allocated_bytes.LoadRelaxed();
  report.freed_bytes = spans.freed_bytes;
  report.stops = totals.stops.LoadRelaxed();
  report.stop_total_ns = totals.stop_ns.LoadRelaxed();
  report.stop_max_ns = totals.longest_stop_ns.LoadRelaxed();
  report.assist_ns = totals.assist_ns.LoadRelaxed();
  report.background_ns = totals.background_ns.LoadRelaxed();
  AddLastCycle(collector.last_cycle(), report);
  collector.stop_times.Read(report.stop_times);
  collector.assist_times.Read(report.assist_times);
  SlotCensus census;
  census.CountSpans(collector.store);
  for (const collected::HeapThread* t = records_.LoadAcquire(); t != nullptr; t = t->older) {
    census.CountCache(t->cache);
  }
  AddClasses(census, report);
}

}  // namespace spanheap
