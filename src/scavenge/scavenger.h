// SPDX-License-Identifier: MIT
//
// Scavenger: gives memory back to the OS, unasked by the clock, or at once when asked.
//
// Idea.       Unasked: each tick reads what is in use, lets the goal decay, gives up spare spans
//             and runs that nobody wanted since the last tick, and begins a sweep for holes. Above
//             the soft limit's mark for the background all of that goes, whatever the goal says.
//             Between ticks work is done in slices of about a millisecond: whole huge pages first,
//             then pieces of chunks that were not dense for a generation, then holes inside spans.
//             Asked: spares, pages and holes go whatever they might still be good for
//             (forced_release.h).
// Threads.    Tick and Slice: whoever has the turn (TryTake), inside a core section. Release: any,
//             in a section. No lock of the heap is held across a system call.
// Fails.      What the OS refuses (locked pages) stays as it was and is left alone for a
//             generation.
// Cost.       A tick: a visit to the page heap's lock, and a look at each shelf.
// Go.         bgscavenge, scavengeOne in mgcscavenge.go; holes and spares are ours.
// Tests.      tests/scavenge/scavenger_test.cc.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "policy/scavenge_budget.h"
#include "policy/scavenge_goal.h"
#include "scavenge/forced_release.h"
#include "scavenge/hole_sweep.h"
#include "spans/span_heap.h"
#include "sync/mutex.h"

namespace spanheap {

// Why memory went back.
enum class ReleaseCause : uint8_t {
  kBackground,  // nobody used it
  kEager,       // the same, at a look that growth brought forward
  kLimit,       // a limit was near or reached
  kForced,      // a call asked for it
};
inline constexpr unsigned kReleaseCauses = 4;

class Scavenger {
 public:
  // How often use is looked at while something happens.
  static constexpr uint64_t kTick_ns = 250'000'000;
  // The same after a fall of use, until the goal has come down.
  static constexpr uint64_t kTickAfterFall_ns = kTick_ns / 2;

  constexpr Scavenger(PageHeap& pages, SpanHeap& spans)
      : pages_(pages), spans_(spans), sweep_(spans), forced_sweep_(spans) {}
  void Init(os::Memory& memory) { memory_ = &memory; }

  // The turn to work unasked: false, and nothing is locked, if another thread has it.
  bool TryTake() TRY_ACQUIRE(true, turn_) { return turn_.TryLock(); }
  void Leave() RELEASE(turn_) { turn_.Unlock(); }

  Mutex& turn() RETURN_CAPABILITY(turn_) { return turn_; }

  // What is due at this time: a tick, and one slice if there is credit. Returns the bytes given.
  Bytes Work(uint64_t now_ns, PageCache& cache) REQUIRES(turn_);
  // How long after `now_ns` there will be nothing to do.
  uint64_t Wait_ns(uint64_t now_ns) const REQUIRES(turn_);
  // Other work that is paid from the same budget: processor time.
  bool may_work() const REQUIRES(turn_) { return budget_.may_work(); }
  void Charge(uint64_t cost_ns) REQUIRES(turn_) { budget_.Charge(cost_ns, 0); }
  uint64_t spent_ns() const REQUIRES(turn_) { return budget_.spent_ns(); }

  // So much may stay backed, whatever is in use.
  void SetFloor(Bytes floor) REQUIRES(turn_) { goal_.SetFloor(floor.value); }

  // Where nobody works: looks at use, and gives up spares that nobody wanted since the last look.
  // Returns the bytes above the goal.
  uint64_t Look(uint64_t now_ns) REQUIRES(turn_);
  // The parts of Work. Use is looked at, every kTick_ns or so.
  void Tick(uint64_t now_ns) REQUIRES(turn_);
  // One slice of work: about `most` bytes. Returns those given back.
  Bytes Slice(Bytes most, PageCache& cache) REQUIRES(turn_);
  // The last slice left something that can be done at once.
  bool has_more() const REQUIRES(turn_) { return has_more_; }
  // Ticks in a row that gave nothing back and found nothing that a later one might.
  uint32_t quiet_ticks() const REQUIRES(turn_) { return quiet_ticks_; }
  // The next tick is due; what it gives back is eager, if that is because of growth.
  void Hurry(bool has_grown) REQUIRES(turn_) {
    next_tick_ns_ = 0;
    is_hurried_by_growth_ = has_grown;
  }
  // Something has happened that later ticks may find.
  void Stir() REQUIRES(turn_) { quiet_ticks_ = 0; }

  // Gives back about `at_most` bytes of free memory now, step by step.
  ForcedRelease Release(Bytes at_most) const { return {pages_, spans_, *memory_, at_most}; }
  // At once and with bounded work, on an allocation's way: spares and pages, then the next few
  // records of a sweep for holes, because of a limit. Returns the bytes given.
  Bytes ReleaseSome(Bytes at_most, PageCache& cache);

  // Bytes given back for this cause, in all. Relaxed: statistics.
  uint64_t released_by(ReleaseCause cause) const {
    return released_by_[static_cast<unsigned>(cause)].LoadRelaxed();
  }
  // For those who release step by step; the others note it themselves.
  void Note(ReleaseCause cause, Bytes bytes) {
    released_by_[static_cast<unsigned>(cause)].FetchAddRelaxed(bytes.value);
  }

  // Bytes in use and bytes backed, as the goal counts them.
  struct Use {
    uint64_t in_use = 0;
    uint64_t retained = 0;
    uint64_t free_backed = 0;
  };
  Use ReadUse() const;

  void ResetInChild() {
    turn_.ResetInChild();
    forced_turn_.ResetInChild();
  }

 private:
  friend struct RootRecord;  // its layout is described to tools
  static constexpr uint32_t kRecordsPerSlice = 4096;
  // For one allocation: a millisecond or so.
  static constexpr uint32_t kRecordsAtAllocation = 512;

  // More counts than the soft limit wants the background to leave.
  bool is_near_limit() const { return pages_.gauge().above_background() != 0; }
  Bytes ReleasePages(Bytes most) REQUIRES(turn_);
  Bytes ReleaseSomeHoles(Bytes most, PageCache& cache);

  PageHeap& pages_;
  SpanHeap& spans_;
  os::Memory* memory_ = nullptr;  // constant after Init
  // Never waited for, so it may be held across system calls.
  Mutex turn_{LockRank::kScavenger};
  ScavengeGoal goal_ GUARDED_BY(turn_);
  ScavengeBudget budget_ GUARDED_BY(turn_);
  uint64_t next_tick_ns_ GUARDED_BY(turn_) = 0;
  HoleSweep sweep_ GUARDED_BY(turn_);
  bool has_more_ GUARDED_BY(turn_) = false;
  bool has_given_ GUARDED_BY(turn_) = false;  // since the last tick
  uint32_t quiet_ticks_ GUARDED_BY(turn_) = 0;
  bool is_hurried_by_growth_ GUARDED_BY(turn_) = false;
  bool is_eager_ GUARDED_BY(turn_) = false;  // until the next tick
  // The same for ReleaseSome: who finds it taken leaves the holes to the other.
  Mutex forced_turn_{LockRank::kScavenger};
  HoleSweep forced_sweep_ GUARDED_BY(forced_turn_);
  Atomic<uint64_t> released_by_[kReleaseCauses];  // bytes, by ReleaseCause
};

}  // namespace spanheap
