// SPDX-License-Identifier: MIT
//
// CollectedImage: what was read of a collected heap, as it was read.
//
// Idea. Its spans lie in the chunks of the HeapImage that holds this. The figures are the library's
//       own, by the names of its report.
#pragma once

#include <cstdint>
#include <vector>

#include "spanheap/detail/report_names.h"

namespace spanheap::look {

// What a span is cut into: a size class, with or without pointers.
struct CollectedKind {
  uint32_t block_bytes = 0;  // 0: large objects
  uint32_t slots = 0;
  uint32_t words = 0;  // of a bitmap with a bit per slot
  bool has_pointers = false;
};

struct CollectedSpanImage {
  uint32_t first_page = 0;
  uint32_t pages = 0;
  uint64_t bytes = 0;       // of a large object: what was asked for
  uint32_t first_word = 0;  // of its bits in `live` and `dead`
  uint8_t kind = 0;
  bool is_swept = true;
};

struct CollectedThreadImage {
  uint32_t page_base = 0;  // of its page cache
  uint64_t page_free = 0;
};

struct CollectedFigures {
#define SPANHEAP_FIGURE(name, label) uint64_t name = 0;
  SH_COLLECTED_SIZES(SPANHEAP_FIGURE)
  SH_COLLECTED_COUNTS(SPANHEAP_FIGURE)
  SH_COLLECTED_TIMES(SPANHEAP_FIGURE)
#undef SPANHEAP_FIGURE
  // Bucket i: 2^i ns and more, less than twice that.
#define SPANHEAP_HISTOGRAM(name, label) std::vector<uint64_t> name;
  SH_COLLECTED_HISTOGRAMS(SPANHEAP_HISTOGRAM)
#undef SPANHEAP_HISTOGRAM
};

struct CollectedImage {
  bool is_there = false;
  CollectedFigures figures;
  std::vector<CollectedKind> kinds;
  std::vector<CollectedSpanImage> spans;
  std::vector<uint64_t> live;    // a bit per slot that holds an object, or that a thread claimed
  std::vector<uint64_t> dead;    // that holds one which the last mark did not reach
  std::vector<uint64_t> cached;  // by kind: slots that threads have claimed and not handed out
  std::vector<CollectedThreadImage> threads;
  uint64_t page_bytes = 0;   // of its spans, as it counts them
  uint64_t table_bytes = 0;  // of tables beside pages, and of records of spans
};

}  // namespace spanheap::look
