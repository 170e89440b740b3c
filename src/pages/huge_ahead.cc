// SPDX-License-Identifier: MIT
#include "pages/huge_ahead.h"

namespace spanheap {

void HugeAhead::Open(PageIndex begin, PageIndex end, Pages unit) {
  begin_ = begin;
  end_ = end;
  next_ = begin + unit;
  reached_ = begin;
  unit_ = unit;
  missed_ = 0;
}

PageRun HugeAhead::Take(PageAllocator& pages) {
  while (IsDue()) {
    const PageIndex unit = next_;
    next_ = next_ + unit_;
    if (pages.ScavengedIn(unit, unit_) == unit_) taken_ = pages.AllocateAt(unit, unit_);
    if (taken_) return taken_;
    if (++missed_ == kMostMissed) Close();
  }
  return {};
}

bool HugeAhead::Return(PageAllocator& pages, bool was_touched) {
  constexpr uint64_t kAll = ~uint64_t{0};
  const PageIndex end = taken_.end();
  for (PageIndex at = taken_.first; at < end; at = at + kPagesPerWord) {
    pages.ReturnBlock({at, kAll, was_touched ? 0 : kAll, kAll});
  }
  taken_ = {};
  return IsDue();
}

}  // namespace spanheap
