// SPDX-License-Identifier: MIT
//
// Pacer: the rules of pace_rules.h where threads can read them.
//
// Idea.       What users set and what allocating threads need (the ratios of assists) is kept in
//             atomics beside the rules, as of some moment.
// Threads.    Knobs and ratios: any. Whatever touches the rules: one at a time, the caller's lock.
// Cost.       Arithmetic only.
// Go.         mgcpacer.go gcControllerState.
// Tests.      tests/policy/pace_rules_test.cc, tests/collect.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "policy/pace_rules.h"

namespace spanheap::policy {

class Pacer {
 public:
  static constexpr uint64_t kNever = kUnbounded;

  // What the last mark found.
  struct Marked {
    uint64_t live = 0;         // bytes
    uint64_t heap_scan = 0;    // bytes scanned in objects
    uint64_t stack_scan = 0;   // in stacks
    uint64_t global_scan = 0;  // in roots
    bool is_young = false;     // what it took tells nothing of full ones
    uint64_t base = 0;         // what the goal is a percentage of, if not of `live`
    uint64_t next_scan = 0;    // what the next mark will scan in objects, if not as much
  };

  // Negative: no goal by percentage. Commit makes it effective.
  void SetPercent(int64_t percent) { percent_.StoreRelease(percent < 0 ? -1 : percent); }
  int64_t percent() const { return percent_.LoadAcquire(); }
  // PaceRules::SetMinimum.
  void SetMinimum(uint64_t bytes) { minimum_.StoreRelease(bytes); }
  // The goal that a memory limit sets; kNever: none.
  void SetLimitGoal(uint64_t goal) { limit_goal_.StoreRelease(goal); }
  uint64_t limit_goal() const { return limit_goal_.LoadAcquire(); }

  // Goal and trigger anew; `live` as of now, `is_swept`: nothing is left to sweep.
  void Commit(uint64_t live, bool is_swept);
  uint64_t goal() const { return rules_.GoalFor(limit_goal_.LoadAcquire()); }
  uint64_t trigger() const { return rules_.TriggerFor(limit_goal_.LoadAcquire()); }

  // Of these, `late` were allocated since the trigger. Before Begin.
  void NoteLate(uint64_t late) { rules_.NoteLate(late); }
  // A mark begins with so many bytes live.
  void Begin(uint64_t live);
  // It has scanned `work` bytes so far, and `live` bytes live.
  void Revise(uint64_t live, uint64_t work);
  // Bytes to scan for a byte allocated, and the other way round.
  double work_per_byte() const { return work_per_byte_.LoadAcquire(); }
  double bytes_per_work() const { return bytes_per_work_.LoadAcquire(); }
  AssistRatio ratio() const { return {work_per_byte(), bytes_per_work()}; }
  uint64_t marked() const { return rules_.marked(); }
  // It is over: used `assist_ns` and `idle_ns` of `processors` processors for `elapsed_ns`.
  struct Spent {
    uint64_t live = 0;  // at the end
    uint64_t elapsed_ns = 0;
    uint64_t assist_ns = 0;
    uint64_t idle_ns = 0;
    uint32_t processors = 1;
  };
  void End(const Spent& spent, const Marked& marked);

  double cons_mark() const { return rules_.cons_mark(); }

 private:
  Atomic<int64_t> percent_{kDefaultPercent};
  Atomic<uint64_t> minimum_;
  Atomic<uint64_t> limit_goal_{kNever};
  PaceRules rules_;
  bool is_due_ = false;       // the last mark began because the trigger was reached
  uint64_t global_scan_ = 0;  // bytes of roots that the last mark scanned
  Atomic<double> work_per_byte_{1};
  Atomic<double> bytes_per_work_{1};
};

}  // namespace spanheap::policy
