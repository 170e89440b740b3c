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
  // Length of the free run that begins at i.
  unsigned RunAt(unsigned i) const {
    unsigned n = 0;
    while (i + n < used.size() && !used[i + n]) ++n;
    return n;
  }
  unsigned Find(unsigned n) const {
    for (unsigned i = 0; i < used.size(); ++i) {
      if (RunAt(i) >= n) return i;
    }
    return PageBitmap::kNone;
  }
  RunSummary Summarize() const {
    unsigned max = 0;
    unsigned end = 0;
    for (unsigned i = 0; i < used.size(); ++i) max = std::max(max, RunAt(i));
    while (end < used.size() && !used[used.size() - 1 - end]) ++end;
    return RunSummary(RunAt(0), max, end);
  }
};

}  // namespace spanheap::model
