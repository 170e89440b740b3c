// SPDX-License-Identifier: MIT
#include "scavenge/scavenger.h"

#include <algorithm>

#include "os/clock.h"

namespace spanheap {

Scavenger::Use Scavenger::ReadUse() const {
  const PageHeapStats stats = pages_.ReadStats();
  const uint64_t holes = std::min(spans_.hole_bytes(), stats.used);
  const uint64_t kept = std::min(spans_.kept_run_bytes(), stats.used - holes);
  Use use;
  use.in_use = stats.used - holes - kept;
  use.retained = stats.used - holes + stats.cached + stats.free_backed;
  use.free_backed = stats.free_backed;
  return use;
}

Bytes Scavenger::Work(uint64_t now_ns, PageCache& cache) {
  const uint64_t before_ns = os::ThreadProcessorTime_ns();
  budget_.Advance(now_ns);
  if (now_ns >= next_tick_ns_) {
    is_eager_ = is_hurried_by_growth_;
    is_hurried_by_growth_ = false;
    Tick(now_ns);
    next_tick_ns_ = now_ns + (goal_.has_fallen() ? kTickAfterFall_ns : kTick_ns);
  }
  Bytes released;
  if (has_more_ && budget_.may_work()) released = Slice(Bytes(budget_.SliceBytes()), cache);
  budget_.Charge(os::ThreadProcessorTime_ns() - before_ns, released.value);
  return released;
}

uint64_t Scavenger::Wait_ns(uint64_t now_ns) const {
  if (has_more_) return budget_.Wait_ns();
  return next_tick_ns_ > now_ns ? next_tick_ns_ - now_ns : 0;
}

uint64_t Scavenger::Look(uint64_t now_ns) {
  spans_.GiveUpIdleSpares();
  const Use use = ReadUse();
  goal_.Observe(now_ns, use.in_use, pages_.TakeSwing());
  return goal_.Excess(use.retained);
}

void Scavenger::Tick(uint64_t now_ns) {
  const bool gave_spares = is_near_limit() ? spans_.GiveUpSpares() : spans_.GiveUpIdleSpares();
  goal_.Observe(now_ns, ReadUse().in_use, pages_.TakeSwing());
  if (goal_.TakeGeneration()) pages_.NextGeneration();
  const bool is_quiet = !has_given_ && !gave_spares && sweep_.is_over() && !sweep_.is_pending();
  quiet_ticks_ = is_quiet ? quiet_ticks_ + 1 : 0;
  has_given_ = false;
  has_more_ = true;
  if (sweep_.is_over()) sweep_.Begin();
}

Bytes Scavenger::ReleasePages(Bytes most) {
  const Use use = ReadUse();
  const uint64_t for_limit = pages_.gauge().above_background();
  const uint64_t wanted =
      std::min(std::max(goal_.Excess(use.retained), for_limit), use.free_backed);
  if (wanted < ScavengeGoal::kLeastExcessWhenStill) return Bytes(0);
  const Pages pages = PagesWithin(std::min(Bytes(wanted), most));
  // What a limit asks for goes however new and dense it is, and is not left to the kernel.
  const Urgency pieces = for_limit != 0 ? Urgency::kAtOnce : Urgency::kNone;
  const Urgency units = for_limit == 0 && goal_.has_fallen() ? Urgency::kNewToo : pieces;
  Pages released = pages_.ReleaseUnits(pages, units);
  if (released < pages) released += pages_.ReleasePieces(pages - released, pieces);
  return BytesOf(released);
}

Bytes Scavenger::Slice(Bytes most, PageCache& cache) {
  const ReleaseCause unasked = is_eager_ ? ReleaseCause::kEager : ReleaseCause::kBackground;
  const ReleaseCause cause = is_near_limit() ? ReleaseCause::kLimit : unasked;
  Bytes released = ReleasePages(most);
  if (released.value == 0 && !sweep_.is_over()) {
    if (is_near_limit() || ReadUse().retained > goal_.floor()) {
      released = sweep_.Go(*memory_, cache, most, kRecordsPerSlice);
    } else {
      sweep_.Abandon();
    }
  }
  Note(cause, released);
  has_given_ = has_given_ || released.value != 0;
  has_more_ = released.value != 0 || !sweep_.is_over() || pages_.ReleaseTables();
  return released;
}

Bytes Scavenger::ReleaseSomeHoles(Bytes most, PageCache& cache) {
  if (!forced_turn_.TryLock()) return Bytes(0);
  if (forced_sweep_.is_over()) forced_sweep_.BeginForced();
  const Bytes released = forced_sweep_.Go(*memory_, cache, most, kRecordsAtAllocation);
  forced_turn_.Unlock();
  return released;
}

Bytes Scavenger::ReleaseSome(Bytes at_most, PageCache& cache) {
  Bytes released = BytesOf(pages_.ReleaseFree(PagesWithin(at_most), true));
  if (released < at_most && spans_.GiveUpSpares()) {
    released += BytesOf(pages_.ReleaseFree(PagesWithin(at_most - released), true));
  }
  if (released < at_most) released += ReleaseSomeHoles(at_most - released, cache);
  Note(ReleaseCause::kLimit, released);
  return released;
}

}  // namespace spanheap
