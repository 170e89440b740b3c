// SPDX-License-Identifier: MIT
#include "policy/pacer.h"

#include <algorithm>

namespace spanheap::policy {
namespace {

constexpr uint64_t kLeastRunway = 64 << 10;
constexpr uint64_t kSweepDistance = 1 << 20;  // bytes between the end of sweeping and the trigger
constexpr uint64_t kLeastWork = 1000;
// Where between the live bytes and the goal a trigger may lie, in 64ths.
constexpr uint64_t kEarliest = 45;
constexpr uint64_t kLatest = 61;

double AsDouble(uint64_t n) { return static_cast<double>(n); }
uint64_t AsBytes(double n) {
  return n >= AsDouble(Pacer::kNever) ? Pacer::kNever : static_cast<uint64_t>(n);
}

}  // namespace

uint64_t Pacer::PercentGoal() const {
  const int64_t percent = percent_.LoadAcquire();
  if (percent < 0) return kNever;
  const auto p = static_cast<uint64_t>(percent);
  const uint64_t grown = last_.live + last_.stack_scan + last_.global_scan;
  const double goal = AsDouble(last_.live) + AsDouble(grown) * AsDouble(p) / 100;
  return std::max(AsBytes(goal), kLeastGoal * p / 100);
}

void Pacer::Commit(uint64_t live, bool is_swept) {
  sweep_min_ = is_swept ? 0 : live + kSweepDistance;
  percent_goal_.StoreRelease(PercentGoal());
  const double runway = cons_mark_ * (1 - kUtilization) / kUtilization * AsDouble(ToScan());
  runway_ = AsBytes(runway);
}

uint64_t Pacer::goal() const {
  const uint64_t limit = limit_goal_.LoadAcquire();
  uint64_t goal = percent_goal_.LoadAcquire();
  if (limit < goal) return limit;
  goal = std::max(goal, sweep_min_);
  if (triggered_ != kNever) goal = std::max(goal, triggered_ + kLeastRunway);
  return goal;
}

uint64_t Pacer::trigger() const {
  const uint64_t g = goal();
  if (last_.live >= g) return g;
  const uint64_t distance = g - last_.live;
  const bool is_limited = limit_goal_.LoadAcquire() < percent_goal_.LoadAcquire();
  const uint64_t least = is_limited ? 0 : sweep_min_;
  const uint64_t low = std::max({least, last_.live, last_.live + distance / 64 * kEarliest});
  uint64_t high = last_.live + distance / 64 * kLatest;
  if (g > kLeastGoal) high = std::max(high, g - kLeastGoal);
  high = std::max(high, low);
  const uint64_t wanted = runway_ > g ? low : g - runway_;
  return std::min(std::clamp(wanted, low, high), g);
}

void Pacer::Begin(uint64_t live) {
  triggered_ = live;
  Revise(live, 0);
}

void Pacer::Revise(uint64_t live, uint64_t work) {
  uint64_t g = goal();
  uint64_t expected = ToScan();
  if (work > expected) {
    // More than last time: at worst all that lives. The goal is stretched by as much.
    const double worst = AsDouble(std::max(live, work));
    const double share = expected == 0 ? 1 : worst / AsDouble(expected);
    const double stretched = AsDouble(triggered_) + AsDouble(g - std::min(g, triggered_)) * share;
    const int64_t percent = percent_.LoadAcquire();
    const double hard =
        (1 + AsDouble(percent < 0 ? 100000 : static_cast<uint64_t>(percent)) / 100) * AsDouble(g);
    expected = AsBytes(worst);
    g = AsBytes(std::min(stretched, hard));
  }
  if (live > g) {
    constexpr double kOvershoot = 1.1;
    g = AsBytes(AsDouble(g) * kOvershoot);
    expected = std::max(expected, live);
  }
  const uint64_t remaining = std::max(expected - std::min(expected, work), kLeastWork);
  const uint64_t distance = std::max<uint64_t>(g - std::min(g, live), 1);
  work_per_byte_.StoreRelease(AsDouble(remaining) / AsDouble(distance));
  bytes_per_work_.StoreRelease(AsDouble(distance) / AsDouble(remaining));
}

void Pacer::End(const Spent& spent, const Marked& marked) {
  const double all = AsDouble(spent.elapsed_ns) * spent.processors;
  if (spent.live > triggered_ && all > 0) {
    const double used = std::min(kUtilization + AsDouble(spent.assist_ns) / all, 0.95);
    const double idle = AsDouble(spent.idle_ns) / all;
    const uint64_t work = marked.heap_scan + marked.stack_scan + marked.global_scan;
    const double now = AsDouble(spent.live - triggered_) * (used + idle) /
                       (AsDouble(std::max(work, kLeastWork)) * (1 - used));
    cons_mark_ = now;
    for (const double before : last_cons_marks_) cons_mark_ = std::max(cons_mark_, before);
    std::copy(last_cons_marks_ + 1, last_cons_marks_ + 4, last_cons_marks_);
    last_cons_marks_[3] = now;
  }
  last_ = marked;
  triggered_ = kNever;
}

}  // namespace spanheap::policy
