// SPDX-License-Identifier: MIT
#include "observe/report_xml.h"

namespace spanheap {
namespace {

struct FreeBlocks {
  uint64_t fast_count = 0;
  uint64_t rest_count = 0;
};

void WriteAttribute(const char* name, uint64_t value, TextSink& sink) {
  sink.Char(' ').Text(name).Text("=\"").Decimal(value).Char('"');
}

void WriteElement(const char* name, const char* type, uint64_t size, TextSink& sink) {
  sink.Char('<').Text(name).Text(" type=\"").Text(type).Char('"');
  WriteAttribute("size", size, sink);
  sink.Text("/>\n");
}

void WriteTotal(const char* type, uint64_t count, uint64_t size, TextSink& sink) {
  sink.Text("<total type=\"").Text(type).Char('"');
  WriteAttribute("count", count, sink);
  WriteAttribute("size", size, sink);
  sink.Text("/>\n");
}

FreeBlocks WriteSizes(const HeapReport& report, TextSink& sink) {
  FreeBlocks blocks;
  uint64_t from = 1;
  sink.Text("<sizes>\n");
  for (unsigned i = 0; i < report.class_count; ++i) {
    const SizeClassReport& line = report.classes[i];
    const uint64_t count = line.cached_blocks + line.free_blocks;
    blocks.fast_count += line.cached_blocks;
    blocks.rest_count += line.free_blocks;
    if (count > 0) {
      sink.Text("  <size");
      WriteAttribute("from", from, sink);
      WriteAttribute("to", line.block_bytes, sink);
      WriteAttribute("total", count * line.block_bytes, sink);
      WriteAttribute("count", count, sink);
      sink.Text("/>\n");
    }
    from = line.block_bytes + 1;
  }
  sink.Text("</sizes>\n");
  return blocks;
}

void WriteTotals(const HeapReport& report, const FreeBlocks& blocks, TextSink& sink) {
  WriteTotal("fast", blocks.fast_count, report.thread_cache_bytes, sink);
  WriteTotal("rest", blocks.rest_count,
             report.free_in_spans_bytes + report.free_pages_bytes + report.page_cache_bytes +
                 report.central_cache_bytes,
             sink);
}

void WriteSystem(const HeapReport& report, TextSink& sink) {
  WriteElement("system", "current", report.mapped_bytes - report.released_bytes, sink);
  WriteElement("system", "max", report.peak_mapped_bytes, sink);
  WriteElement("aspace", "total", report.reserved_bytes + report.mapped_bytes, sink);
  WriteElement("aspace", "mprotect", report.mapped_bytes, sink);
}

}  // namespace

void WriteReportXml(const HeapReport& report, TextSink& sink) {
  sink.Text("<malloc version=\"1\">\n<heap nr=\"0\">\n");
  const FreeBlocks blocks = WriteSizes(report, sink);
  WriteTotals(report, blocks, sink);
  WriteSystem(report, sink);
  sink.Text("</heap>\n");
  WriteTotals(report, blocks, sink);
  WriteTotal("mmap", 0, 0, sink);
  WriteSystem(report, sink);
  sink.Text("</malloc>\n");
}

}  // namespace spanheap
