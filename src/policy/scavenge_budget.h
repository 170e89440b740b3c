// SPDX-License-Identifier: MIT
//
// ScavengeBudget: keeps the work of giving memory back at about one percent of one processor.
//
// Idea.       A feedback loop on what the work really cost: time earns credit, the processor time
//             that was measured is charged against it, and while the balance is negative nothing is
//             done. Credit is kept up to a burst, so that a spike of memory is gone at once and not
//             over minutes. The same measurements say how many bytes are given back in a
//             millisecond, which bounds one slice of work.
// Bound.      One percent of a minute and 100 ms is what any minute may cost. A burst of 200 ms is
//             worth more than the last part of the percent: it lets go of 2 GB at once, where
//             100 ms end before the first on a busy machine. So time earns at 1/120.
// Invariants. Over any stretch of time: cost <= stretch / kShare + kBurst_ns + one slice.
// Threads.    The caller's. Reads no clock.
// Go.         The PI controller of mgcscavenge.go steers the sleep between slices to the same
//             share; a balance needs no gains to be tuned and forgets nothing.
// Tests.      tests/policy/scavenge_budget_test.cc simulates hours of it.
#pragma once

#include <cstdint>

namespace spanheap {

class ScavengeBudget {
 public:
  static constexpr uint64_t kShare = 120;  // one part in so many of one processor
  static constexpr uint64_t kBurst_ns = 200'000'000;
  static constexpr uint64_t kMinute_ns = 60'000'000'000;
  // A slice of work: no lock, claim or section is held longer than about this.
  static constexpr uint64_t kSlice_ns = 1'000'000;

  // Time has come to `now_ns`. The first call fills the balance.
  void Advance(uint64_t now_ns);
  // Work was done: processor time, and bytes given back (0: other work).
  void Charge(uint64_t cost_ns, uint64_t bytes);

  bool may_work() const { return balance_ns_ > 0; }
  // Until there is credit for a slice; 0 if there is now.
  uint64_t Wait_ns() const;
  // Bytes that are likely given back in one slice.
  uint64_t SliceBytes() const;
  int64_t balance_ns() const { return balance_ns_; }
  uint64_t spent_ns() const { return spent_ns_; }

  static_assert(kMinute_ns / kShare + kBurst_ns <= kMinute_ns / 100 + 100'000'000);

 private:
  friend struct RootRecord;  // its layout is described to tools
  // What a megabyte costs before it was measured: 256 pages of 4 KiB.
  static constexpr uint64_t kFirstCost_ns = 60'000;
  static constexpr uint64_t kLeastSlice = 256 << 10;
  static constexpr uint64_t kMostSlice = 64 << 20;

  bool started_ = false;
  uint64_t seen_ns_ = 0;                      // time of the last Advance
  uint64_t left_over_ns_ = 0;                 // of elapsed time, too little for credit yet
  int64_t balance_ns_ = 0;                    // credit, processor time
  uint64_t cost_per_mib_ns_ = kFirstCost_ns;  // a moving average
  uint64_t spent_ns_ = 0;                     // all that was ever charged
};

}  // namespace spanheap
