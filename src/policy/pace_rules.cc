// SPDX-License-Identifier: MIT
#include "policy/pace_rules.h"

#include <algorithm>

namespace spanheap::policy {
namespace {

// Bounds of the trigger, in 64ths of the way from what is marked to the goal: never earlier, so
// that marking is not always on; never later, so that there is a little room.
constexpr uint64_t kEarliest64th = 45;
constexpr uint64_t kLatest64th = 61;
// Where allocation pays most of the marking, the trigger is no earlier than this, but for what
// cycles are late. Earlier: fewer assists while marking goes on, and a larger heap: what is
// allocated meanwhile counts as alive.
constexpr uint64_t kEarliestPaid64th = 57;
// The same under a memory limit, where each byte of room is dear and assists are usual.
constexpr uint64_t kEarliestPaidUnderLimit64th = kLatest64th;
// A goal that was missed moves by so much at once.
constexpr double kOvershoot = 1.1;
constexpr int64_t kLeastRemaining = 1000;
// After a young mark the goal leaves at least that part of the room that a full one would.
constexpr uint64_t kLeastRoom = 4;
// A step beyond the height so far: by a part of what lives, or of the height if that is higher. A
// longer step makes higher peaks, a shorter one more cycles while a heap grows.
constexpr uint64_t kStep = 2;
constexpr uint64_t kLeastStep = 20;
// What stands for "no percentage" where one is needed.
constexpr int kHugePercent = 100000;
constexpr double kMostUtilization = 0.99;

uint64_t PercentOf(uint64_t bytes, int percent, unsigned whole = 100) {
  const auto product =
      static_cast<unsigned __int128>(bytes) * static_cast<unsigned>(percent) / whole;
  return product > kUnbounded ? kUnbounded : static_cast<uint64_t>(product);
}

uint64_t AddSaturated(uint64_t a, uint64_t b) { return a + b < a ? kUnbounded : a + b; }

// Counters fit in 63 bits; unbounded ones become the largest number there is.
int64_t Signed(uint64_t value) { return static_cast<int64_t>(std::min(value, kUnbounded >> 1)); }

int64_t Truncated(double value) {
  constexpr double kLargest = 9.2e18;
  return static_cast<int64_t>(std::min(value, kLargest));
}

// A runway longer than `longest`: as much shorter as it is too long. `wanted` above 0.
uint64_t PaidRunway(uint64_t wanted, uint64_t longest) {
  const auto square = static_cast<double>(longest) * static_cast<double>(longest);
  return static_cast<uint64_t>(square / static_cast<double>(wanted));
}

}  // namespace

void PaceRules::SetPercent(int percent) { percent_ = percent < 0 ? -1 : percent; }

uint64_t PaceRules::HeapMinimum() const {
  return percent_ < 0 ? kUnbounded : PercentOf(kHeapMinimum, percent_, kDefaultPercent);
}

void PaceRules::Commit(uint64_t live, uint64_t globals, bool sweep_done) {
  globals_ = globals;
  sweep_min_trigger_ = sweep_done ? 0 : live + kSweepDistance;
  percent_goal_ = kUnbounded;
  if (percent_ >= 0) {
    const uint64_t grown = PercentOf(base_ + last_stack_scan_ + globals_, percent_);
    percent_goal_ = std::max({std::min(AddSaturated(base_, grown), Step()), HeapMinimum(), minimum_,
                              AddSaturated(marked_, base_ == marked_ ? 0 : grown / kLeastRoom)});
  }
  const double per_scanned = cons_mark_ * (1 - kMarkUtilization) / kMarkUtilization;
  runway_ = static_cast<uint64_t>(Truncated(per_scanned * static_cast<double>(LastScanned())));
}

uint64_t PaceRules::Step() const {
  if (!climbs_in_steps_) return kUnbounded;
  const uint64_t grown = (base_ + last_stack_scan_ + globals_) / kStep;
  return std::max(AddSaturated(highest_, highest_ / kLeastStep), AddSaturated(base_, grown));
}

PaceRules::Goal PaceRules::FindGoal(uint64_t limit_goal) const {
  if (limit_goal < percent_goal_) return {limit_goal, 0};
  uint64_t goal = std::max(percent_goal_, sweep_min_trigger_);
  if (triggered_ != kUnbounded) goal = std::max(goal, triggered_ + kMinRunway);
  return {goal, sweep_min_trigger_};
}

uint64_t PaceRules::TriggerFor(uint64_t limit_goal) const {
  const auto [goal, min_trigger] = FindGoal(limit_goal);
  if (marked_ >= goal) return goal;
  const uint64_t step = (goal - marked_) / 64;
  const uint64_t earliest = std::max({min_trigger, marked_, marked_ + step * kEarliest64th});
  const bool is_limited = limit_goal < percent_goal_;
  const uint64_t paid = std::max(
      earliest, marked_ + step * (is_limited ? kEarliestPaidUnderLimit64th : kEarliestPaid64th));
  uint64_t latest = marked_ + step * kLatest64th;
  if (goal > kHeapMinimum) latest = std::max(latest, goal - kHeapMinimum);
  latest = std::max(latest, earliest);
  uint64_t runway = runway_;
  const uint64_t longest = goal - std::min(earliest, goal);
  if (runway > longest) runway = std::max(PaidRunway(runway, longest), goal - std::min(paid, goal));
  runway += late_;
  const uint64_t wanted = runway > goal ? earliest : goal - runway;
  return std::min(std::clamp(wanted, earliest, latest), goal);
}

void PaceRules::NoteLate(uint64_t bytes) {
  std::rotate(last_lates_.begin(), last_lates_.begin() + 1, last_lates_.end());
  last_lates_.back() = bytes;
  std::array<uint64_t, 4> sorted = last_lates_;
  std::sort(sorted.begin(), sorted.end());
  late_ = sorted[2];
}

AssistRatio PaceRules::Revise(const HeapNow& now, const ScanWork& work) const {
  const int64_t live = Signed(now.live);
  const int64_t done = Signed(work.sum());
  const int64_t most = Signed(now.scannable + now.max_stack + now.globals);
  int64_t expected = Signed(last_heap_scan_ + last_stack_scan_ + now.globals);
  int64_t goal = Signed(GoalFor(now.limit_goal));
  const bool is_limited = now.limit_goal < percent_goal_;
  if (!has_marked_) {
    expected = most;  // nobody knows what lives
  } else if (is_limited) {
    // Behind this goal is no room: more than expected has to be done on the way to it.
    if (done > expected || live > goal) expected = most;
  } else if (done > expected) {
    // More is alive than last time: as much later as there may be more, but not beyond what
    // the percentage would make of this goal.
    const int64_t triggered = Signed(triggered_);
    const double per_expected =
        static_cast<double>(goal - triggered) / static_cast<double>(std::max<int64_t>(expected, 1));
    const int64_t extended = triggered + Truncated(per_expected * static_cast<double>(most));
    const int percent = percent_ < 0 ? kHugePercent : percent_;
    const int64_t hard = Truncated((1.0 + percent / 100.0) * static_cast<double>(goal));
    expected = most;
    goal = std::min(extended, hard);
  }
  if (live > goal && !is_limited) {
    goal = Truncated(static_cast<double>(goal) * kOvershoot);
    expected = most;
  }
  const int64_t remaining = std::max(expected - done, kLeastRemaining);
  const int64_t distance = std::max<int64_t>(goal - live, 1);
  return {static_cast<double>(remaining) / static_cast<double>(distance),
          static_cast<double>(distance) / static_cast<double>(remaining)};
}

void PaceRules::EndCycle(const MarkPhase& phase) {
  if (phase.live <= triggered_ || phase.duration_ns == 0 || phase.work.sum() == 0) return;
  const double processor_ns = static_cast<double>(phase.duration_ns) * phase.processors;
  const double utilization = std::min(
      kMarkUtilization + static_cast<double>(phase.assist_ns) / processor_ns, kMostUtilization);
  const double idle = static_cast<double>(phase.idle_ns) / processor_ns;
  const double current = static_cast<double>(phase.live - triggered_) * (utilization + idle) /
                         (static_cast<double>(phase.work.sum()) * (1 - utilization));
  cons_mark_ =
      std::max(current, *std::max_element(last_cons_marks_.begin(), last_cons_marks_.end()));
  std::rotate(last_cons_marks_.begin(), last_cons_marks_.begin() + 1, last_cons_marks_.end());
  last_cons_marks_.back() = current;
}

void PaceRules::ResetLive(uint64_t marked, const ScanWork& work, uint64_t base) {
  marked_ = marked;
  base_ = base;
  last_heap_scan_ = work.heap;
  last_stack_scan_ = work.stack;
  has_marked_ = true;
  triggered_ = kUnbounded;
}

MarkWorkers MarkWorkersFor(unsigned processors) {
  // Off by more than this, whole workers are too coarse.
  constexpr double kMostError = 0.3;
  const double wanted = kMarkUtilization * processors;
  MarkWorkers workers;
  workers.dedicated =
      static_cast<unsigned>(wanted + 0.5);  // NOLINT(bugprone-incorrect-roundings): above 0
  const double error = workers.dedicated / wanted - 1;
  if (error < -kMostError || error > kMostError) {
    if (workers.dedicated > wanted) --workers.dedicated;
    workers.fraction = (wanted - workers.dedicated) / processors;
  }
  return workers;
}

}  // namespace spanheap::policy
