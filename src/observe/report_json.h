// SPDX-License-Identifier: MIT
//
// A HeapReport for programs: one JSON object, as share/spanheap-report.schema.json describes it.
//
// Idea.  Keys are the names of the fields; all numbers are whole and count bytes where the key ends
//        in _bytes. `version` goes up when a key changes its meaning or goes away; keys may be
//        added.
// Cost.  No allocation.
// Tests. tests/observe/report_json_test.cc checks the output against the schema.
#pragma once

#include "observe/heap_report.h"
#include "observe/text_sink.h"

namespace spanheap {

void WriteReportJson(const HeapReport& report, TextSink& sink);

}  // namespace spanheap
