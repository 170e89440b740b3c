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

void WriteFigures(const HeapReport& report, TextSink& sink) {
  for (const ReportField& field : kReportSizes) {
    sink.Text("  ").LeftText(field.label, kLabelWidth);
    sink.RightSize(report.*field.value, kSizeWidth).Char('\n');
  }
  for (const ReportField& field : kReportCounts) {
    sink.Text("  ").LeftText(field.label, kLabelWidth);
    sink.RightDecimal(report.*field.value, kSizeWidth).Char('\n');
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

bool IsInUse(const SizeClassReport& line) {
  return (line.spans | line.live_blocks | line.cached_blocks) != 0;
}

}  // namespace

void WriteReportText(const HeapReport& report, const char* title, TextSink& sink) {
  sink.Text(title).Char('\n');
  WriteCategories(report, sink);
  sink.Char('\n');
  WriteFigures(report, sink);
  sink.Char('\n');
  WriteClassHeads(sink);
  for (unsigned i = 0; i < report.class_count; ++i) {
    if (IsInUse(report.classes[i])) WriteClass(report.classes[i], sink);
  }
}

}  // namespace spanheap
