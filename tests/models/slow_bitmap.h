// SPDX-License-Identifier: MIT
//
// SlowBitmap: a chunk's bitmap page by page, as plainly as it can be said.
#pragma once

#include <algorithm>
#include <vector>

#include "pages/page_bitmap.h"

namespace spanheap::model {

struct SlowBitmap {
  std::vector<bool> used;

  SlowBitmap() : used(PageBitmap::kBits) {}
  explicit SlowBitmap(const PageBitmap& bits) : SlowBitmap() {
    for (unsigned i = 0; i < used.size(); ++i) used[i] = bits.Test(i);
  }

  void Set(unsigned from, unsigned n, bool value) {
    for (unsigned i = from; i < from + n; ++i) used[i] = value;
  }
  unsigned Count(unsigned from, unsigned n) const {
    unsigned count = 0;
    for (unsigned i = from; i < from + n; ++i) count += used[i] ? 1 : 0;
    return count;
  }
  unsigned Find(unsigned n) const {
    unsigned run = 0;
    for (unsigned i = 0; i < used.size(); ++i) {
      run = used[i] ? 0 : run + 1;
      if (run == n) return i + 1 - n;
    }
    return PageBitmap::kNone;
  }
  unsigned FindAligned(unsigned n, uint64_t alignment, uint64_t offset) const {
    for (unsigned i = 0; i + n <= used.size(); ++i) {
      if ((i + offset) % alignment == 0 && Count(i, n) == 0) return i;
    }
    return PageBitmap::kNone;
  }
  RunSummary Summarize() const {
    unsigned start = 0;
    unsigned max = 0;
    unsigned run = 0;
    for (unsigned i = 0; i < used.size(); ++i) {
      run = used[i] ? 0 : run + 1;
      if (run == i + 1) start = run;
      max = std::max(max, run);
    }
    return RunSummary(start, max, run);
  }
};

}  // namespace spanheap::model
