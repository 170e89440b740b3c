// SPDX-License-Identifier: MIT
#include "observe/report_json.h"

#include "observe/report_fields.h"

namespace spanheap {
namespace {

// Keys are our own names: nothing in them needs an escape.
void WriteMember(const char* key, uint64_t value, TextSink& sink) {
  sink.Char('"').Text(key).Text("\": ").Decimal(value);
}

// Each on a line of its own with a comma behind it.
template <class Report, size_t kCount>
void WriteFields(const LabelledField<Report> (&fields)[kCount], const Report& report,
                 const char* indent, TextSink& sink) {
  for (const LabelledField<Report>& field : fields) {
    sink.Text(indent);
    WriteMember(field.key, report.*field.value, sink);
    sink.Text(",\n");
  }
}

template <class Row, size_t kCount>
void WriteRow(const Row& report, const RowField<Row> (&fields)[kCount], TextSink& sink) {
  const char* before = "    {";
  for (const RowField<Row>& field : fields) {
    sink.Text(before);
    WriteMember(field.key, report.*field.value, sink);
    before = ", ";
  }
  sink.Char('}');
}

template <class Row, size_t kCount>
void WriteRows(const char* key, const Row* rows, unsigned count,
               const RowField<Row> (&fields)[kCount], TextSink& sink) {
  sink.Text("  \"").Text(key).Text("\": [");
  for (unsigned i = 0; i < count; ++i) {
    sink.Text(i == 0 ? "\n" : ",\n");
    WriteRow(rows[i], fields, sink);
  }
  sink.Text(count == 0 ? "]" : "\n  ]");
}

template <size_t kCount>
void WriteCounts(const char* key, const uint64_t (&counts)[kCount], TextSink& sink) {
  sink.Text("    \"").Text(key).Text("\": [");
  for (size_t i = 0; i < kCount; ++i) sink.Text(i == 0 ? "" : ", ").Decimal(counts[i]);
  sink.Text("],\n");
}

void WriteCollected(const CollectedReport& report, TextSink& sink) {
  sink.Text("  \"collected\": {\n");
  WriteFields(kCollectedSizes, report, "    ", sink);
  WriteFields(kCollectedCounts, report, "    ", sink);
  WriteFields(kCollectedTimes, report, "    ", sink);
  for (const HistogramField& field : kCollectedHistograms) {
    WriteCounts(field.key, report.*field.counts, sink);
  }
  WriteRows("classes", report.classes, report.class_count, kCollectedClassFields, sink);
  sink.Text("\n  }");
}

}  // namespace

void WriteReportJson(const HeapReport& report, TextSink& sink) {
  sink.Text("{\n  \"format\": \"spanheap-report\",\n  ");
  WriteMember("version", HeapReport::kVersion, sink);
  sink.Text(",\n  ");
  WriteMember("mapped_bytes", report.mapped_bytes, sink);
  sink.Text(",\n");
  WriteFields(kReportCategories, report, "  ", sink);
  WriteFields(kReportSizes, report, "  ", sink);
  WriteFields(kReportCounts, report, "  ", sink);
  WriteRows("classes", report.classes, report.class_count, kClassFields, sink);
  sink.Text(",\n");
  WriteRows("per_thread", report.per_thread, report.thread_count, kThreadFields, sink);
  sink.Text(",\n");
  WriteCollected(report.collected, sink);
  sink.Text("\n}\n");
}

}  // namespace spanheap
