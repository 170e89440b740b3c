// SPDX-License-Identifier: MIT
//
// PaceRules: when a collection starts, how large the heap may become, and how much allocating
// threads must mark so that it does not become larger.
//
// Idea.       The heap may grow by a percentage of what lived after the last mark (and of the roots
//             that were scanned). Marking starts so much earlier that a quarter of the processors
//             is enough to finish in time: that distance, the runway, follows from how fast the
//             program allocated compared with how fast it was marked in the last cycles. If it was
//             too short, allocating threads pay: so many units of mark work for each byte.
//             The collector's thread has to wake up and stop the others first; what was allocated
//             meanwhile in the last cycles comes on top of the runway. In a heap of a few MiB it is
//             the larger part, and without it each cycle would begin beyond its goal.
//             With the default percentage the heap climbs beyond its height so far in smaller
//             steps: what lives may have grown for a moment only (docs/decisions/0021).
//             A runway longer than the bound on the trigger lets it be means that they pay in any
//             case. Then marking starts later, and they pay more for a shorter time: what is
//             allocated while marking counts as alive, and twice over in the next goal.
// Picture.    marked ......... trigger ===runway=== goal
// Invariants. trigger <= goal. marked <= goal.
// Threads.    A value; the collector guards it, and hands in counters that others change as they
//             are at that moment. Revise is racy by design: it runs often.
// Cost.       Some divisions.
// Go.         mgcpacer.go. Integers and rounding as there; the current figures are arguments. Ours:
//             the later start where a quarter is not enough, the latest under a limit; no cons/mark
//             ratio from a cycle without mark work, the share of processors that marked is held
//             below one, and a goal that a limit has set is never moved.
// Tests.      tests/policy/pace_rules_test.cc: each formula, and tests/models/pacer_model.h at
//             random. tests/sim/pacer_sim_test.cc: programs.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace spanheap::policy {

// The share of the processors that marks in the background. More: shorter cycles, less for the
// program while they last.
inline constexpr double kMarkUtilization = 0.25;
// By how many percent of what lives the heap may grow, if nobody says otherwise. Less than Go's
// 100: docs/decisions/0018.
inline constexpr int kDefaultPercent = 85;
// Below this a heap is not worth collecting, at that percentage; scales with it.
inline constexpr uint64_t kHeapMinimum = uint64_t{4} << 20;
// A cycle that starts late still gets this much room.
inline constexpr uint64_t kMinRunway = uint64_t{64} << 10;
// Room that sweeping gets after a cycle, before the next may start.
inline constexpr uint64_t kSweepDistance = uint64_t{1} << 20;
// A cycle starts by itself after so long without one.
inline constexpr uint64_t kPeriod_ns = uint64_t{120} * 1'000'000'000;
inline constexpr uint64_t kUnbounded = ~uint64_t{0};

// Bytes scanned, by where they are.
struct ScanWork {
  uint64_t heap = 0;
  uint64_t stack = 0;
  uint64_t globals = 0;

  constexpr uint64_t sum() const { return heap + stack + globals; }
};

// What allocation owes while marking goes on.
struct AssistRatio {
  double work_per_byte = 0;
  double bytes_per_work = 0;
};

// The heap as it is now.
struct HeapNow {
  uint64_t live = 0;                 // bytes in objects, dead ones too
  uint64_t scannable = 0;            // of these, in objects with pointers
  uint64_t max_stack = 0;            // bytes of all stacks
  uint64_t globals = 0;              // bytes of other roots
  uint64_t limit_goal = kUnbounded;  // LimitGoal()
};

// A finished mark phase.
struct MarkPhase {
  uint64_t duration_ns = 0;
  uint64_t assist_ns = 0;  // processor time of allocating threads
  uint64_t idle_ns = 0;    // of workers that ran because nothing else did
  unsigned processors = 1;
  uint64_t live = 0;
  ScanWork work;
};

class PaceRules {
 public:
  // Negative: the heap grows without bound. Commit() follows.
  void SetPercent(int percent);
  int percent() const { return percent_; }
  // Beyond its height so far the heap grows by less at a time, whatever the percentage. Commit()
  // follows.
  void ClimbInSteps(bool on) { climbs_in_steps_ = on; }
  // The heap has had so many bytes, dead ones too, or could have.
  void NoteHeight(uint64_t bytes) { highest_ = std::max(highest_, bytes); }
  // Below this a goal by percentage never falls; a limit's may. Commit() follows.
  void SetMinimum(uint64_t bytes) { minimum_ = bytes; }

  // Fixes goal and runway from the last cycle: at the end of marking, and whenever a knob changed.
  void Commit(uint64_t live, uint64_t globals, bool sweep_done);

  // Where the heap should end its next (or current) mark phase.
  uint64_t GoalFor(uint64_t limit_goal) const { return FindGoal(limit_goal).bytes; }
  // At this many live bytes marking starts.
  uint64_t TriggerFor(uint64_t limit_goal) const;

  // The collector had so much allocated between the trigger and the beginning of the cycle: the
  // next ones start as much earlier. Commit() need not follow.
  void NoteLate(uint64_t bytes);
  void StartCycle(uint64_t live) { triggered_ = live; }
  // What is owed for allocation from now on, with `work` done in this cycle so far.
  AssistRatio Revise(const HeapNow& now, const ScanWork& work) const;
  void EndCycle(const MarkPhase& phase);
  // What lives is known: the next cycle is measured against it. Commit() follows. `base`: what the
  // percentage is of, if not of `marked`; `work`: what the next mark will have to scan.
  void ResetLive(uint64_t marked, const ScanWork& work) { ResetLive(marked, work, marked); }
  void ResetLive(uint64_t marked, const ScanWork& work, uint64_t base);

  uint64_t marked() const { return marked_; }
  uint64_t runway() const { return runway_; }
  uint64_t triggered() const { return triggered_; }  // kUnbounded outside of cycles
  double cons_mark() const { return cons_mark_; }

 private:
  struct Goal {
    uint64_t bytes;
    uint64_t min_trigger;
  };
  Goal FindGoal(uint64_t limit_goal) const;
  uint64_t Step() const;
  uint64_t HeapMinimum() const;
  uint64_t LastScanned() const { return last_heap_scan_ + last_stack_scan_ + globals_; }

  int percent_ = kDefaultPercent;
  bool climbs_in_steps_ = false;
  uint64_t highest_ = 0;  // bytes
  uint64_t minimum_ = 0;
  uint64_t marked_ = 0;          // live bytes after the last mark phase
  uint64_t base_ = 0;            // of the goal: as much, or after a young one what lived before
  uint64_t last_heap_scan_ = 0;  // bytes scanned by it
  uint64_t last_stack_scan_ = 0;
  bool has_marked_ = false;  // at least once
  uint64_t globals_ = 0;     // bytes of roots at the last Commit
  uint64_t triggered_ = kUnbounded;
  uint64_t percent_goal_ = kHeapMinimum;
  uint64_t sweep_min_trigger_ = 0;
  uint64_t runway_ = 0;
  double cons_mark_ = 0;  // bytes allocated for each byte scanned, per processor of each side
  std::array<double, 4> last_cons_marks_{};
  uint64_t late_ = 0;  // bytes; the largest but one of these: one may have waited for a processor
  std::array<uint64_t, 4> last_lates_{};
};

// How many workers mark in the background, on `processors`.
struct MarkWorkers {
  unsigned dedicated = 0;  // until the end of the cycle
  double fraction = 0;     // of the time of each processor, besides
};
MarkWorkers MarkWorkersFor(unsigned processors);

}  // namespace spanheap::policy
