// SPDX-License-Identifier: MIT
//
// glibc's control calls, with real meaning: what a program asks of its malloc, this heap answers.
// A heap that left them out would have them drive glibc's own, unused one.
//
// Idea.  All figures are read from one HeapReport. The fields of mallinfo:
//          arena    bytes mapped, but for those of   uordblks  bytes in the program's hands, but
//                   large blocks                               for those of large blocks
//          ordblks  free blocks                      fordblks  bytes free in spans, caches, pages
//          hblks    large blocks                     keepcost  bytes that malloc_trim could return
//          hblkhd   their bytes
//        As in glibc's, what is mapped is arena + hblkhd, and what the program has is uordblks +
//        hblkhd. The others are zero. mallinfo's fields stop at INT_MAX instead of wrapping around.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <climits>

#include "faces/malloc/export.h"
#include "faces/malloc/fresh_report.h"
#include "faces/malloc/stream.h"
#include "observe/report_text.h"
#include "observe/report_xml.h"
#include "runtime/heap.h"

namespace heap = spanheap::heap;
using spanheap::TextSink;
using spanheap::face::FreshReport;

namespace {

struct mallinfo2 ReadMallinfo() {
  const FreshReport report;
  struct mallinfo2 info{};
  info.hblks = report->large_blocks;
  info.hblkhd = report->large_bytes;
  info.arena = report->mapped_bytes - report->released_bytes - report->large_bytes;
  for (unsigned i = 0; i < report->class_count; ++i) {
    info.ordblks += report->classes[i].free_blocks + report->classes[i].cached_blocks;
  }
  info.uordblks = report->live_bytes - report->large_bytes;
  info.fordblks = report->free_in_spans_bytes + report->thread_cache_bytes +
                  report->free_pages_bytes + report->page_cache_bytes + report->central_cache_bytes;
  info.keepcost = report->free_pages_bytes;
  return info;
}

int Saturated(size_t n) { return n > INT_MAX ? INT_MAX : static_cast<int>(n); }

}  // namespace

SPANHEAP_EXPORT int malloc_trim(size_t keep) noexcept { return heap::Trim(keep) ? 1 : 0; }

SPANHEAP_EXPORT struct mallinfo2 mallinfo2() noexcept { return ReadMallinfo(); }

SPANHEAP_EXPORT struct mallinfo mallinfo() noexcept {
  const struct mallinfo2 wide = ReadMallinfo();
  struct mallinfo info{};
  info.arena = Saturated(wide.arena);
  info.hblks = Saturated(wide.hblks);
  info.hblkhd = Saturated(wide.hblkhd);
  info.ordblks = Saturated(wide.ordblks);
  info.uordblks = Saturated(wide.uordblks);
  info.fordblks = Saturated(wide.fordblks);
  info.keepcost = Saturated(wide.keepcost);
  return info;
}

// glibc's parameters steer glibc's own structures. The known ones are accepted and change nothing,
// so that programs that check the result go on; 0 for any other.
SPANHEAP_EXPORT int mallopt(int parameter, int) noexcept {
  switch (parameter) {
    case M_MXFAST:
    case M_TRIM_THRESHOLD:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
    case M_ARENA_MAX:
      return 1;
    default:
      return 0;
  }
}

// glibc's XML into the caller's stream. No option is known: others than 0 give EINVAL.
SPANHEAP_EXPORT int malloc_info(int options, FILE* stream) noexcept {
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  const FreshReport report;
  TextSink sink(spanheap::face::WriteToStream, stream);
  WriteReportXml(*report, sink);
  return sink.Finish() ? 0 : -1;
}

SPANHEAP_EXPORT void malloc_stats() noexcept {
  const FreshReport report;
  TextSink sink(STDERR_FILENO);
  WriteReportText(*report, "spanheap", sink);
}
