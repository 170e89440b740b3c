// SPDX-License-Identifier: MIT
//
// A HeapReport in the shape of glibc's malloc_info, for programs that read that.
//
// Idea.  One heap. `sizes` lists the free blocks of each class, by the sizes that it serves;
//        "fast" are the blocks in thread caches, "rest" all other free memory, "system" what is
//        mapped without what was given back, "aspace" address space.
// Cost.  No allocation.
// Tests. tests/observe/report_xml_test.cc.
#pragma once

#include "observe/heap_report.h"
#include "observe/text_sink.h"

namespace spanheap {

void WriteReportXml(const HeapReport& report, TextSink& sink);

}  // namespace spanheap
