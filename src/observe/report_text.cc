// SPDX-License-Identifier: MIT
#include "observe/report_text.h"

#include "observe/report_fields.h"

namespace spanheap {
namespace {

constexpr size_t kLabelWidth = 26;
constexpr size_t kSizeWidth = 12;
constexpr size_t kPercentWidth = 10;
constexpr size_t kBarWidth = 40;
constexpr size_t kClassBarWidth = 10;

void WriteShare(const char* label, uint64_t bytes, uint64_t whole, size_t bar, TextSink& sink) {
  sink.Text("  ").LeftText(label, kLabelWidth).RightSize(bytes, kSizeWidth);
  sink.RightPercent(bytes, whole, kPercentWidth);
  if (bar > 0 && bytes > 0) sink.Text("  ").Bar(bytes, whole, bar);
  sink.Char('\n');
}

void WriteCategories(const HeapReport& report, TextSink& sink) {
  uint64_t sum = 0;
  for (const ReportField& field : kReportCategories) {
    const uint64_t bytes = report.*field.value;
    sum += bytes;
    WriteShare(field.label, bytes, report.mapped_bytes, kBarWidth, sink);
  }
  WriteShare("mapped (the sum)", report.mapped_bytes, report.mapped_bytes, 0, sink);
  if (sum == report.mapped_bytes) return;
  const bool more = sum > report.mapped_bytes;
  sink.Text("  the categories add up to ");
  sink.Decimal(more ? sum - report.mapped_bytes : report.mapped_bytes - sum);
  sink.Text(more ? " bytes more\n" : " bytes less\n");
}

template <class Report, size_t kCount>
void WriteSizes(const LabelledField<Report> (&fields)[kCount], const Report& report,
                TextSink& sink) {
  for (const LabelledField<Report>& field : fields) {
    sink.Text("  ").LeftText(field.label, kLabelWidth);
    sink.RightSize(report.*field.value, kSizeWidth).Char('\n');
  }
}

template <class Report, size_t kCount>
void WriteCounts(const LabelledField<Report> (&fields)[kCount], const Report& report,
                 const char* unit, TextSink& sink) {
  for (const LabelledField<Report>& field : fields) {
    sink.Text("  ").LeftText(field.label, kLabelWidth);
    sink.RightDecimal(report.*field.value, kSizeWidth).Text(unit).Char('\n');
  }
}

void WriteClassHeads(TextSink& sink) {
  sink.RightText("block size", 12).RightText("spans", 9).RightText("live", 13);
  sink.RightText("cached", 11).RightText("free", 11).RightText("live bytes", 13);
  sink.RightText("in use", kPercentWidth).Char('\n');
}

void WriteClass(const SizeClassReport& line, TextSink& sink) {
  const uint64_t slots = line.live_blocks + line.cached_blocks + line.free_blocks;
  sink.RightDecimal(line.block_bytes, 12).RightDecimal(line.spans, 9);
  sink.RightDecimal(line.live_blocks, 13).RightDecimal(line.cached_blocks, 11);
  sink.RightDecimal(line.free_blocks, 11).RightSize(line.live_blocks * line.block_bytes, 13);
  sink.RightPercent(line.live_blocks, slots, kPercentWidth);
  if (line.live_blocks > 0) sink.Text("  ").Bar(line.live_blocks, slots, kClassBarWidth);
  sink.Char('\n');
}

// Live, cached and free slots; of dead ones it is not known yet who will have them.
void WriteCollectedClass(const CollectedClassReport& line, TextSink& sink) {
  if (line.block_bytes == 0) {
    sink.RightText("large", 12);
  } else {
    sink.RightDecimal(line.block_bytes, 12);
  }
  sink.RightText(line.has_pointers != 0 ? "yes" : "no", 10).RightDecimal(line.spans, 9);
  sink.RightDecimal(line.live_objects, 13).RightDecimal(line.dead_objects, 11);
  sink.RightDecimal(line.cached_objects, 9).RightDecimal(line.free_objects, 11);
  sink.RightSize(line.live_bytes, 13);
  sink.RightPercent(line.live_bytes, line.span_bytes, kPercentWidth);
  sink.Char('\n');
}

void WriteCollected(const CollectedReport& report, TextSink& sink) {
  if (report.class_count == 0 && report.cycles == 0) return;
  sink.Text("\nthe collected heap\n");
  WriteSizes(kCollectedSizes, report, sink);
  WriteCounts(kCollectedCounts, report, "", sink);
  WriteCounts(kCollectedTimes, report, " ns", sink);
  sink.Char('\n').RightText("object size", 12).RightText("pointers", 10).RightText("spans", 9);
  sink.RightText("live", 13).RightText("dead", 11).RightText("cached", 9).RightText("free", 11);
  sink.RightText("live bytes", 13).RightText("in use", kPercentWidth).Char('\n');
  for (unsigned i = 0; i < report.class_count; ++i) WriteCollectedClass(report.classes[i], sink);
}

bool IsInUse(const SizeClassReport& line) {
  return (line.spans | line.live_blocks | line.cached_blocks) != 0;
}

}  // namespace

void WriteReportText(const HeapReport& report, const char* title, TextSink& sink) {
  sink.Text(title).Char('\n');
  WriteCategories(report, sink);
  sink.Char('\n');
  WriteSizes(kReportSizes, report, sink);
  WriteCounts(kReportCounts, report, "", sink);
  sink.Char('\n');
  WriteClassHeads(sink);
  for (unsigned i = 0; i < report.class_count; ++i) {
    if (IsInUse(report.classes[i])) WriteClass(report.classes[i], sink);
  }
  WriteCollected(report.collected, sink);
}

}  // namespace spanheap
