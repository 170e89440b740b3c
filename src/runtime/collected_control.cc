// SPDX-License-Identifier: MIT
//
// The knobs of the collected heap, its figures, and the line it prints for each cycle.
#include <algorithm>

#include "base/line_writer.h"
#include "os/clock.h"
#include "os/output.h"
#include "policy/pace_rules.h"
#include "runtime/collected_heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// As the program sees it: INT64_MAX is none.
int64_t LimitNow() {
  return static_cast<int64_t>(std::min<uint64_t>(runtime.pages.gauge().limit(), INT64_MAX));
}

// Two significant digits below ten milliseconds, as "0.23" or "4.1".
void Milliseconds(LineWriter& line, uint64_t ns) {
  if (ns >= 10'000'000) {
    line.Decimal(ns / 1'000'000);
    return;
  }
  uint64_t us = ns / 1000;
  if (us == 0) {
    line.Text("0");
    return;
  }
  uint64_t unit = 1;  // drop digits behind the second one
  while (us / unit >= 100) unit *= 10;
  us = us / unit * unit;
  line.Decimal(us / 1000);
  const uint64_t rest = us % 1000;
  if (rest == 0) return;
  line.Char('.').Char(static_cast<char>('0' + rest / 100));
  if (rest % 100 == 0) return;
  line.Char(static_cast<char>('0' + rest / 10 % 10));
  if (rest % 10 != 0) line.Char(static_cast<char>('0' + rest % 10));
}

void Thousandths(LineWriter& line, uint64_t n) {
  line.Decimal(n / 1000).Char('.');
  line.Decimal(n / 100 % 10).Decimal(n / 10 % 10).Decimal(n % 10);
}

// What the pacer meant to come, and what came: for who looks into when cycles begin.
void PrintPace(const collected::CycleFigures& c, double cons_mark) {
  const uint64_t processor_ns = std::max<uint64_t>(c.mark_ns * c.processors, 1);
  LineWriter line;
  line.Text("pacer: ").Decimal((c.assist_ns + c.background_ns) * 100 / processor_ns);
  line.Text("% CPU (").Decimal(static_cast<uint64_t>(policy::kMarkUtilization * 100));
  line.Text(" exp.) for ").Decimal(c.heap_scanned).Char('+').Decimal(c.roots_scanned);
  line.Text(" B scanned in ").Decimal(c.live_at_start).Text(" B -> ").Decimal(c.live_at_end);
  line.Text(" B (goal ").Decimal(c.goal).Text(", cons/mark ");
  Thousandths(line, static_cast<uint64_t>(cons_mark * 1000));
  line.Text(")\n");
  os::WriteAll(2, line.data(), line.size());
}

}  // namespace

int64_t CollectedHeap::SetPercent(int64_t percent) {
  const int64_t before = collector.pace.percent();
  collector.pace.SetPercent(percent);
  Repace();
  return before;
}

// The option memlimit by another name: all faces obey it.
int64_t CollectedHeap::SetMemoryLimit(int64_t bytes) {
  const int64_t before = LimitNow();
  if (bytes < 0) return before;
  policy::MemoryAmount limit;  // not set: none
  if (bytes != INT64_MAX) limit.bytes = static_cast<uint64_t>(std::max<int64_t>(bytes, 1));
  options.memlimit = limit;
  runtime.limits.Set(limit, options.hardlimit);
  runtime.background.Hurry();
  Repace();
  return before;
}

void CollectedHeap::Repace() {
  const HeapSection section;
  collector.pace.SetMinimum(options.minheap.value);
  collector.pace.Repace();
}

void CollectedHeap::ReadStats(sh_gc_stats& stats) const {
  const HeapSection section;
  const collected::CycleFigures& last = collector.last_cycle();
  const collected::SpanStoreStats spans = collector.store.ReadStats();
  const collected::CollectorTotals& totals = collector.totals;
  // Relaxed: statistics.
  stats.cycles = collector.cycles();
  stats.forced_cycles = totals.forced_cycles.LoadRelaxed();
  stats.live_bytes = collector.state.live.LoadRelaxed();
  stats.marked_bytes = last.marked;
  stats.goal_bytes = collector.state.goal.LoadRelaxed();
  stats.trigger_bytes = collector.state.trigger.LoadRelaxed();
  stats.mapped_bytes = runtime.pages.gauge().counted();
  stats.external_bytes = static_cast<uint64_t>(collector.specials.external_bytes());
  stats.allocated_bytes = collector.state.allocated_bytes.LoadRelaxed();
  stats.allocated_objects = collector.state.allocated_objects.LoadRelaxed();
  stats.freed_bytes = spans.freed_bytes;
  stats.freed_objects = spans.freed_objects;
  stats.stops = totals.stops.LoadRelaxed();
  stats.stop_total_ns = totals.stop_ns.LoadRelaxed();
  stats.stop_max_ns = totals.longest_stop_ns.LoadRelaxed();
  stats.assist_ns = totals.assist_ns.LoadRelaxed();
  stats.background_ns = totals.background_ns.LoadRelaxed();
  stats.scan_heap_bytes = last.heap_scanned;
  stats.scan_roots_bytes = last.roots_scanned;
  stats.finalizers_queued = collector.specials.queued();
  stats.finalizers_run = collector.specials.run();
  stats.cleanups_queued = collector.specials.cleanups_queued();
  stats.cleanups_run = collector.specials.cleanups_run();
  stats.threads = mutators.count();
  stats.memory_limit = LimitNow();
  stats.percent = collector.pace.percent();
  collector.stop_times.Read(stats.stop_times);
  collector.assist_times.Read(stats.assist_times);
}

// In the shape of Go's line, so that what reads that reads this.
void CollectedHeap::NoteCycle() {
  Repace();
  if (options.gctrace == 0) return;
  const collected::CycleFigures& c = collector.last_cycle();
  const uint64_t elapsed = os::MonotonicNow_ns() - start_ns_;
  const uint64_t p = c.processors;
  const uint64_t used = collector.totals.assist_ns.LoadRelaxed() +  // relaxed: statistics
                        collector.totals.background_ns.LoadRelaxed() +
                        collector.totals.stop_ns.LoadRelaxed() * p;
  LineWriter line;
  line.Text("gc ").Decimal(c.number).Text(" @");
  Thousandths(line, elapsed / 1'000'000);
  line.Text("s ").Decimal(used * 100 / std::max<uint64_t>(elapsed * p, 1)).Text("%: ");
  const uint64_t clock[] = {c.stop1_ns, c.mark_ns, c.stop2_ns};
  for (unsigned i = 0; i < 3; ++i) {
    if (i != 0) line.Char('+');
    Milliseconds(line, clock[i]);
  }
  line.Text(" ms clock, ");
  Milliseconds(line, c.stop1_ns * p);
  line.Char('+');
  Milliseconds(line, c.assist_ns);
  line.Char('/');
  Milliseconds(line, c.background_ns);
  line.Text("/0+");
  Milliseconds(line, c.stop2_ns * p);
  line.Text(" ms cpu, ").Decimal(c.live_at_start / kMiB).Text("->");
  line.Decimal(c.live_at_end / kMiB).Text("->").Decimal(c.marked / kMiB).Text(" MB, ");
  line.Decimal(c.goal / kMiB).Text(" MB goal, ");
  line.Decimal(c.stacks_scanned / kMiB).Text(" MB stacks, ");
  line.Decimal((c.roots_scanned - c.stacks_scanned) / kMiB)
      .Text(" MB globals, ")
      .Decimal(p)
      .Text(" P");
  if (c.forced) line.Text(" (forced)");
  if (c.young) line.Text(" (young)");
  line.Char('\n');
  os::WriteAll(2, line.data(), line.size());
  if (options.gctrace > 1) PrintPace(c, collector.pace.cons_mark());
}

}  // namespace spanheap
