// SPDX-License-Identifier: MIT
//
// HeapPace: when the next cycle is due, what allocating threads owe while it marks and, where the
// sweep is not left to who needs slots, what they sweep after it, under a percentage and under a
// memory limit, be it one that refuses.
//
// Idea.       The rules (policy/pacer.h) lie behind a lock; what threads look at often is in
//             atomics: trigger, goal and sweep plan, the ratios of assists, the credit that workers
//             have put by. Under a limit the goal depends on what is mapped now, by all faces: it
//             is worked out anew whenever the trigger is reached, each time what is marked is
//             looked at, and when a knob was turned.
//             A leaking bucket watches what the collector takes of the process's processor time;
//             while it is full, nobody assists, and nobody marks above a quarter.
// Invariants. Where both are set, trigger <= goal; while marking the goal alone follows the limit.
// Threads.    As it says; the limiter: the collector's thread. Inside a section where a lock is
//             taken, so that no thread is stopped with it.
// Fails.      Never.
// Go.         mgcpacer.go, mgclimit.go, mgcsweep.go's pacing.
// Tests.      tests/collect/heap_pace_test.cc; the formulas: tests/policy, tests/sim.
#pragma once

#include "collect/heap_state.h"
#include "collect/specials.h"
#include "policy/assist.h"
#include "policy/cpu_limiter.h"
#include "policy/pacer.h"
#include "policy/sweep_pacing.h"
#include "sync/mutex.h"

namespace spanheap::collected {

class HeapPace {
 public:
  constexpr HeapPace(HeapState& state, SpanStore& store, const Specials& specials)
      : state_(state), store_(store), specials_(specials) {}

  // --- Knobs, any thread; Repace makes them effective ---
  void SetPercent(int64_t percent) { pacer_.SetPercent(percent); }
  int64_t percent() const { return pacer_.percent(); }
  void SetMinimum(uint64_t bytes) { pacer_.SetMinimum(bytes); }

  // --- Any thread, inside a section ---
  // Goal, trigger and sweep plan anew. While marking: nothing, its end will do it.
  void Repace();
  // The trigger is reached, also as of now.
  bool IsDue();
  // Sweeps as much as an allocation of `bytes` has to: nothing where that is done lazily.
  void SweepFor(uint64_t bytes);

  // --- Any thread, while marking ---
  policy::AssistPlan PlanAssist(int64_t balance) const {
    return policy::PlanAssist(balance, pacer_.ratio());
  }
  // What workers have put by pays for the plan as far as it goes: its work becomes less. Returns
  // the bytes that the balance gains.
  int64_t UseCredit(policy::AssistPlan& plan);
  int64_t PaidBy(uint64_t work) const {
    return policy::PaidBy(static_cast<int64_t>(work), pacer_.ratio());
  }
  void AddCredit(uint64_t work) { state_.credit.FetchAdd(static_cast<int64_t>(work)); }
  // Nobody assists now. Relaxed: a hint.
  bool is_limiting() const { return limiting_.LoadRelaxed(); }

  // Allocation is to wait so long, after `idle_waits` in which nothing was done; 0: not at all.
  // Relaxed: a hint.
  uint64_t WaitLength_ns(bool is_late, unsigned idle_waits) const {
    const policy::Backlog backlog{state_.live.LoadRelaxed(), state_.goal.LoadRelaxed(),
                                  pacer_.limit_goal(), is_late, is_limiting()};
    return policy::MustWait(backlog) ? policy::WaitLength_ns(backlog, idle_waits) : 0;
  }

  // --- The collector's thread, inside a section ---
  void Begin(uint64_t live);
  // So many bytes are scanned.
  void Revise(uint64_t scanned);
  // The world is stopped, sweeping has begun: `died` bytes are to be swept.
  void End(const policy::Pacer::Spent& spent, const policy::Pacer::Marked& marked, uint64_t died);

  // --- The collector's thread ---
  // Processor time since the start, of the process and of the collector in it.
  void NoteUse(uint64_t process_ns, uint64_t collector_ns);
  void NoteStop(uint64_t ns, unsigned processors) { limiter_.UpdateStopped(ns, processors); }
  // Bytes allocated for each byte scanned, as the last cycles had it; both by one processor.
  double cons_mark() const { return pacer_.cons_mark(); }
  void SetProcessors(unsigned processors) { limiter_.SetProcessors(processors); }

  void ResetInChild();

 private:
  uint64_t SpanBytes() const;
  uint64_t ObjectBytes() const REQUIRES(mutex_);
  void ReadLimit() REQUIRES(mutex_);
  void Publish() REQUIRES(mutex_);

  HeapState& state_;
  SpanStore& store_;
  const Specials& specials_;
  Mutex mutex_{LockRank::kPace};
  // Its rules are guarded by mutex_, which the compiler cannot check: knobs and ratios are not.
  policy::Pacer pacer_;
  // Of the last mark.
  uint64_t died_ GUARDED_BY(mutex_) = 0;          // bytes that were to be swept then
  uint64_t freed_before_ GUARDED_BY(mutex_) = 0;  // bytes freed until then
  uint64_t wasted_ GUARDED_BY(mutex_) = 0;        // free slots that will not be filled
  uint64_t fewest_ GUARDED_BY(mutex_) = 0;        // the least that spans took up since then
  Atomic<uint64_t> sweep_pages_;                  // to be swept after it, in all
  // policy::SweepPace, as of some moment.
  Atomic<double> pages_per_byte_;
  Atomic<uint64_t> basis_live_;
  Atomic<uint64_t> basis_swept_;

  policy::CpuLimiter limiter_{1};  // the collector's thread, as what follows
  uint64_t noted_process_ns_ = 0;
  uint64_t noted_collector_ns_ = 0;
  Atomic<bool> limiting_;
};

}  // namespace spanheap::collected
