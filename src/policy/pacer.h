// SPDX-License-Identifier: MIT
//
// Pacer: when a cycle begins, what it should end at, and how much marking an allocated byte costs,
// so that marking ends before the heap has grown to its goal.
//
// Idea.       The goal is what lived after the last mark, grown by a percentage of all that has to
//             be scanned. A cycle begins a runway before the goal: as far as the program allocated
//             in earlier cycles, per byte scanned, in the time the workers need for the scanning.
//             While marking, threads that allocate do the part that the workers will not do in
//             time.
// Invariants. trigger <= goal. Ratios are never 0 while marking.
// Threads.    Begin, End and Commit while the world is stopped; Revise and reading by anyone, as of
//             some moment.
// Cost.       Arithmetic only.
// Go.         mgcpacer.go gcControllerState.
// Tests.      tests/policy/pacer_test.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"

namespace spanheap::policy {

class Pacer {
 public:
  static constexpr uint64_t kNever = ~uint64_t{0};
  static constexpr uint64_t kLeastGoal = uint64_t{4} << 20;
  static constexpr double kUtilization = 0.25;  // of the processors, for marking in the background

  // What the last mark found.
  struct Marked {
    uint64_t live = 0;         // bytes
    uint64_t heap_scan = 0;    // bytes scanned in objects
    uint64_t stack_scan = 0;   // in stacks
    uint64_t global_scan = 0;  // in roots
  };

  // Negative: no goal by percentage. Commit makes it effective.
  void SetPercent(int64_t percent) { percent_.StoreRelease(percent < 0 ? -1 : percent); }
  int64_t percent() const { return percent_.LoadAcquire(); }
  // The goal that a memory limit sets; kNever: none.
  void SetLimitGoal(uint64_t goal) { limit_goal_.StoreRelease(goal); }

  // Goal and trigger anew; `live` as of now, `is_swept`: nothing is left to sweep.
  void Commit(uint64_t live, bool is_swept);
  uint64_t goal() const;
  uint64_t trigger() const;

  // A mark begins with so many bytes live.
  void Begin(uint64_t live);
  // It has scanned `work` bytes so far, and `live` bytes live.
  void Revise(uint64_t live, uint64_t work);
  // Bytes to scan for a byte allocated, and the other way round.
  double work_per_byte() const { return work_per_byte_.LoadAcquire(); }
  double bytes_per_work() const { return bytes_per_work_.LoadAcquire(); }
  // It is over: used `assist_ns` and `idle_ns` of `processors` processors for `elapsed_ns`.
  struct Spent {
    uint64_t live = 0;  // at the end
    uint64_t elapsed_ns = 0;
    uint64_t assist_ns = 0;
    uint64_t idle_ns = 0;
    uint32_t processors = 1;
  };
  void End(const Spent& spent, const Marked& marked);

  double cons_mark() const { return cons_mark_; }

 private:
  uint64_t PercentGoal() const;
  uint64_t ToScan() const { return last_.heap_scan + last_.stack_scan + last_.global_scan; }

  Atomic<int64_t> percent_{100};
  Atomic<uint64_t> limit_goal_{kNever};
  Marked last_;             // the rest changes while the world is stopped
  uint64_t sweep_min_ = 0;  // the trigger is no lower while spans are unswept
  Atomic<uint64_t> percent_goal_{kLeastGoal};
  uint64_t runway_ = 0;
  uint64_t triggered_ = kNever;  // bytes live when the running mark began
  double cons_mark_ = 0;         // bytes allocated per byte scanned, at full use
  double last_cons_marks_[4] = {};
  Atomic<double> work_per_byte_{1};
  Atomic<double> bytes_per_work_{1};
};

}  // namespace spanheap::policy
