// SPDX-License-Identifier: MIT
//
// HugeAhead: the part of the last step of growth that a thread of the heap's own makes huge, one
// huge page ahead of those who take pages.
//
// Idea.       The first touch of a huge page may take ten milliseconds: on a virtual machine whose
//             host has to find the memory, or where memory is fragmented. Where there is a thread
//             to do it, a step begins ordinary. As soon as pages of one unit are taken, the next
//             is due: the thread takes it out, asks for a huge page, touches it and puts it back.
//             Who needs pages meanwhile takes those behind it, which are ordinary and come quickly.
//             So nobody waits for a huge page, and at most one is resident that nobody needs yet.
// Picture.    step   |  ordinary, taken  | huge | huge, taken | due, or being touched | later |
//                                                      ^reached_                      ^next_
// Invariants. next_ is a unit's first page. What was taken out counts as used, and is put back.
// Threads.    The page heap's lock.
// Fails.      A unit of which somebody has taken pages stays ordinary; after a few of these all
//             that is left of the step does: each costs a mapping.
// Tests.      tests/pages/huge_ahead_test.cc.
#pragma once

#include <algorithm>

#include "base/units.h"
#include "pages/page_allocator.h"

namespace spanheap {

class HugeAhead {
 public:
  // Units that may stay ordinary in a step because pages were taken faster than huge ones came.
  static constexpr unsigned kMostMissed = 4;

  // Pages [begin, end) are new and ordinary, in whole units of `unit` pages. The first one is left
  // to who takes pages now.
  void Open(PageIndex begin, PageIndex end, Pages unit);
  // Nothing more is due.
  void Close() { next_ = end_; }

  // The pages before `end` are taken, or were. True: the next unit is due.
  bool NoteTaken(PageIndex end) {
    if (end <= begin_ || end > end_) return false;
    reached_ = std::max(reached_, end);
    return IsDue();
  }
  // Takes the next unit out; count 0: none is due.
  PageRun Take(PageAllocator& pages);
  // Puts it back, backed and zero if it was touched. True: the next one is due already.
  bool Return(PageAllocator& pages, bool was_touched);
  // What is taken out now.
  Pages taken() const { return taken_.count; }
  // The thread that had taken a unit out is not there. Nobody has written to it.
  void ResetInChild(PageAllocator& pages) {
    Close();
    if (taken_) Return(pages, true);
  }

 private:
  friend struct RootRecord;  // its layout is described to tools
  bool IsDue() const { return !taken_ && next_ < end_ && reached_ + unit_ > next_; }

  PageIndex begin_;  // of the step
  PageIndex end_;
  PageIndex next_;     // the lowest unit that was neither touched nor passed over
  PageIndex reached_;  // end of the highest pages of the step that were taken
  Pages unit_;
  unsigned missed_ = 0;
  PageRun taken_;
};

}  // namespace spanheap
