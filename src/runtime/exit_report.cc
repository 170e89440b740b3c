// SPDX-License-Identifier: MIT
#include "runtime/exit_report.h"

#include <unistd.h>

#include "base/fatal.h"
#include "observe/heap_report.h"
#include "observe/report_json.h"
#include "observe/report_text.h"
#include "os/output.h"
#include "runtime/heap.h"
#include "runtime/options.h"

namespace spanheap {
namespace {

constexpr uint32_t kVerifyAtExit = 3;

void WriteJsonFile(const HeapReport& report, const char* path) {
  const os::OutputFile file(path);
  if (!file.is_open()) return WarnLine("stats_json: cannot write ", path);
  TextSink sink(file.descriptor());
  WriteReportJson(report, sink);
  if (!sink.Finish()) WarnLine("stats_json: cannot write all of ", path);
}

void WriteText(const HeapReport& report) {
  TextSink sink(STDERR_FILENO);
  WriteReportText(report, "spanheap: the heap at exit", sink);
}

bool IsReportingProcess() {
  return options.stats_pid == 0 || options.stats_pid == static_cast<uint32_t>(getpid());
}

}  // namespace

void ReportAtExit() {
  const bool writes_json = options.stats_json[0] != '\0';
  const bool writes_text = options.stats == StatsAt::kExit;
  const bool verifies = options.verify >= kVerifyAtExit;
  if (!writes_json && !writes_text && !verifies) return;
  HeapReport report;
  heap::ReadReport(report);
  if (IsReportingProcess() && writes_text) WriteText(report);
  if (IsReportingProcess() && writes_json) WriteJsonFile(report, options.stats_json);
  if (verifies && report.threads <= 1) heap::Verify();
}

}  // namespace spanheap
