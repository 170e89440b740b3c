// SPDX-License-Identifier: MIT
//
// A HeapReport for people: a bar per category, the other figures, and the size classes in use with
// how full their spans are.
//
// Cost.  No allocation.
// Tests. tests/observe/report_text_test.cc.
#pragma once

#include "observe/heap_report.h"
#include "observe/text_sink.h"

namespace spanheap {

// `title` is the first line. Categories that do not add up to what is mapped (other threads were
// at work meanwhile) are followed by a line that says by how much.
void WriteReportText(const HeapReport& report, const char* title, TextSink& sink);

}  // namespace spanheap
