// SPDX-License-Identifier: MIT
//
// RescueBudget: how often allocations of collected objects that fail may have a whole cycle run for
// them.
//
// Idea.    A cycle is worth it where there may be garbage: where much was allocated since the last
//          one, or where the program has dropped what it held, which nobody sees. So the budget is
//          full again once a 32nd of the heap was allocated. Short of that it comes back with time:
//          a program whose live objects fill its limit has a few cycles, and then spends a fifth of
//          its time in more of them; its allocations fail at once in between.
//          A part is kept for what fails after a null was returned: a program that is out of memory
//          drops what it can do without and tries again at once.
// Threads. A value; the caller guards it.
// Go.      Nothing: there is no limit that refuses. Like Java's GCTimeLimit and GCHeapFreeLimit.
// Tests.   tests/policy/rescue_budget_test.cc, with a program in simulation.
#pragma once

#include <cstdint>

namespace spanheap::policy {

class RescueBudget {
 public:
  // More: a program out of memory is told so later, and what it drops is found more surely.
  static constexpr uint64_t kMostCycles = 8;
  // Of these, so many wait until a null was returned.
  static constexpr uint64_t kKept = 4;
  // Without much allocated, a cycle is earned by so many times its length.
  static constexpr uint64_t kRestPerCycle = 4;
  static constexpr uint64_t kWorth = 32;  // a part of the heap

  struct Now {
    uint64_t ns = 0;
    uint64_t allocated = 0;  // bytes, since the start
    uint64_t live = 0;       // bytes
  };

  // True: the caller runs a cycle, or has it run, and says so.
  bool TryTake(const Now& now);
  // It took so long. As of its end.
  void NoteCycle(uint64_t took_ns, const Now& now);
  // A null was returned.
  void NoteRefusal() { has_refused_ = true; }

 private:
  void Earn(const Now& now);

  uint64_t cycles_ = kMostCycles;  // that may be had
  uint64_t took_ns_ = 0;           // the last one
  uint64_t earned_ns_ = 0;         // the time until which cycles were earned
  uint64_t allocated_ = 0;         // when the last one ended
  bool has_refused_ = false;       // since the budget was full
};

}  // namespace spanheap::policy
