// SPDX-License-Identifier: MIT
//
// The pacer as a page of formulas: one struct of named quantities, each formula written out once,
// without helper, in the order in which a person would calculate. The twin of policy/pace_rules.h.
#pragma once

#include <cmath>
#include <cstdint>
#include <deque>

namespace spanheap::model {

struct PacerModel {
  int percent = 85;
  bool has_marked = false;
  // Bytes. -1 for triggered: no cycle is on.
  int64_t marked = 0, heap_scan = 0, stack_scan = 0, globals = 0, triggered = -1;
  int64_t sweep_min = 0;
  double cons_mark = 0;
  std::deque<double> last = {0, 0, 0, 0};
  // Fixed by commit.
  bool no_percent = false;
  int64_t percent_goal = 4194304;
  int64_t runway = 0;

  void commit(int64_t live, int64_t globals_now, bool sweep_done) {
    globals = globals_now;
    sweep_min = sweep_done ? 0 : live + 1048576;
    no_percent = percent < 0;
    if (!no_percent) {
      percent_goal = marked + (marked + stack_scan + globals) * percent / 100;
      const int64_t least = int64_t{4194304} * percent / 85;
      if (percent_goal < least) percent_goal = least;
    }
    runway = static_cast<int64_t>(std::trunc(
        cons_mark * 0.75 / 0.25 * static_cast<double>(heap_scan + stack_scan + globals)));
  }

  // limit < 0: none. The answer is -1 if nothing bounds the heap.
  int64_t goal(int64_t limit) const {
    if (limit >= 0 && (no_percent || limit < percent_goal)) return limit;
    if (no_percent) return -1;
    int64_t g = percent_goal;
    if (sweep_min > g) g = sweep_min;
    if (triggered >= 0 && triggered + 65536 > g) g = triggered + 65536;
    return g;
  }

  int64_t trigger(int64_t limit) const {
    const bool limited = limit >= 0 && (no_percent || limit < percent_goal);
    const int64_t g = goal(limit);
    if (marked >= g) return g;
    int64_t lo = marked + (g - marked) / 64 * 45;
    if (!limited && sweep_min > lo) lo = sweep_min;
    int64_t hi = marked + (g - marked) / 64 * 61;
    if (g > 4194304 && g - 4194304 > hi) hi = g - 4194304;
    if (hi < lo) hi = lo;
    int64_t way = runway;
    const int64_t most = lo < g ? g - lo : 0;
    if (way > most) {
      const int64_t late = marked + (g - marked) / 64 * (limited ? 61 : 57);
      const int64_t paid = late > lo ? late : lo;
      const int64_t least = paid < g ? g - paid : 0;
      way = static_cast<int64_t>(std::trunc(double(most) * double(most) / double(way)));
      if (way < least) way = least;
    }
    int64_t t = way > g ? lo : g - way;
    if (t < lo) t = lo;
    if (t > hi) t = hi;
    return t > g ? g : t;
  }

  // {remaining work, distance in bytes}.
  struct Revised {
    int64_t remaining, distance;
  };
  Revised revise(int64_t live, int64_t scannable, int64_t max_stack, int64_t globals_now,
                 int64_t limit, int64_t work) const {
    int64_t g = goal(limit);
    int64_t e = heap_scan + stack_scan + globals_now;
    const int64_t m = scannable + max_stack + globals_now;
    const bool limited = limit >= 0 && (no_percent || limit < percent_goal);
    if (!has_marked) {
      e = m;
    } else if (limited) {
      if (work > e || live > g) e = m;
    } else if (work > e) {
      const int64_t x = triggered + static_cast<int64_t>(std::trunc(
                                        double(g - triggered) / double(e < 1 ? 1 : e) * double(m)));
      const int64_t hard = static_cast<int64_t>(
          std::trunc((1.0 + (percent < 0 ? 100000 : percent) / 100.0) * double(g)));
      e = m;
      g = x < hard ? x : hard;
    }
    if (live > g && !limited) {
      g = static_cast<int64_t>(std::trunc(double(g) * 1.1));
      e = m;
    }
    return {e - work < 1000 ? 1000 : e - work, g - live < 1 ? 1 : g - live};
  }

  void end_cycle(double elapsed, double assist, double idle, int processors, int64_t live,
                 int64_t work) {
    if (live <= triggered) return;
    double u = 0.25 + assist / (elapsed * processors);
    if (u > 0.99) u = 0.99;
    const double i = idle / (elapsed * processors);
    const double now = double(live - triggered) * (u + i) / (double(work) * (1 - u));
    cons_mark = now;
    for (double old : last) cons_mark = old > cons_mark ? old : cons_mark;
    last.pop_front();
    last.push_back(now);
  }
};

}  // namespace spanheap::model
