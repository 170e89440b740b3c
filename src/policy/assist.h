// SPDX-License-Identifier: MIT
//
// What an allocating thread owes while marking goes on, and how credit pays for it.
//
// Idea.    A thread's balance is in bytes: allocation takes from it, mark work adds to it. Below
//          zero the thread takes what background workers have put by, and marks for the rest; at
//          least kOverAssist units, so that the next allocations are paid for, too.
// Go.      mgcmark.go gcAssistAlloc, gcFlushBgCredit.
// Tests.   tests/policy/assist_test.cc.
#pragma once

#include <cstdint>

#include "policy/pace_rules.h"

namespace spanheap::policy {

// The least an assist marks (bytes scanned). More: fewer, longer interruptions.
inline constexpr int64_t kOverAssist = int64_t{64} << 10;

// For so long at most one allocation of `bytes` assists; what it still owes, later ones pay. In
// step with the time that memory of that size costs anyway. More: limits are kept better by
// programs that allocate faster than marking goes, and single calls take longer.
uint64_t LongestAssist_ns(uint64_t bytes);

struct AssistPlan {
  int64_t work = 0;  // bytes to scan
  int64_t debt = 0;  // what the balance gains when all of it is done
};
// For a balance below zero.
AssistPlan PlanAssist(int64_t balance, AssistRatio ratio);

// What `work` units, fewer than planned, add to the balance. One byte more than exact, for rounding
// must not leave a debt that no work pays.
int64_t PaidBy(int64_t work, AssistRatio ratio);

// The plan is paid by `credit` units that others did, as far as these go.
struct CreditUse {
  int64_t taken = 0;  // units
  int64_t paid = 0;   // bytes that the balance gains
};
CreditUse UseCredit(const AssistPlan& plan, int64_t credit, AssistRatio ratio);

// The collector and a thread that has just allocated.
struct Backlog {
  uint64_t live = 0;  // bytes
  uint64_t goal = 0;
  uint64_t limit_goal = kUnbounded;
  bool is_late = false;  // a cycle is due and has not begun, or there was nothing to mark just now
  bool is_limiting = false;  // CpuLimiter
};
// The thread leaves its processor to the collector for a moment. What it owes it cannot do itself,
// and whatever it allocates meanwhile counts as alive.
bool MustWait(const Backlog& backlog);

// How long. Above a limit longer with each wait in a row in which the collector got no further
// (`idle_waits`): on a busy machine it has no processor then, and after each wait a little more is
// allocated, for which there is no room. Without one a longer gap costs more than some memory.
uint64_t WaitLength_ns(const Backlog& backlog, unsigned idle_waits);

}  // namespace spanheap::policy
