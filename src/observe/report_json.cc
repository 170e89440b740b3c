// SPDX-License-Identifier: MIT
#include "observe/report_json.h"

#include "observe/report_fields.h"

namespace spanheap {
namespace {

// Keys are our own names: nothing in them needs an escape.
void WriteMember(const char* key, uint64_t value, TextSink& sink) {
  sink.Char('"').Text(key).Text("\": ").Decimal(value);
}

template <size_t kCount>
void WriteFields(const ReportField (&fields)[kCount], const HeapReport& report, TextSink& sink) {
  for (const ReportField& field : fields) {
    sink.Text("  ");
    WriteMember(field.key, report.*field.value, sink);
    sink.Text(",\n");
  }
}

void WriteClass(const SizeClassReport& report, TextSink& sink) {
  const char* before = "    {";
  for (const ClassField& field : kClassFields) {
    sink.Text(before);
    WriteMember(field.key, report.*field.value, sink);
    before = ", ";
  }
  sink.Char('}');
}

}  // namespace

void WriteReportJson(const HeapReport& report, TextSink& sink) {
  sink.Text("{\n  \"format\": \"spanheap-report\",\n  ");
  WriteMember("version", HeapReport::kVersion, sink);
  sink.Text(",\n  ");
  WriteMember("mapped_bytes", report.mapped_bytes, sink);
  sink.Text(",\n");
  WriteFields(kReportCategories, report, sink);
  WriteFields(kReportSizes, report, sink);
  WriteFields(kReportCounts, report, sink);
  sink.Text("  \"classes\": [");
  for (unsigned i = 0; i < report.class_count; ++i) {
    sink.Text(i == 0 ? "\n" : ",\n");
    WriteClass(report.classes[i], sink);
  }
  sink.Text(report.class_count == 0 ? "]\n}\n" : "\n  ]\n}\n");
}

}  // namespace spanheap
