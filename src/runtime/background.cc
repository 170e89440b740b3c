// SPDX-License-Identifier: MIT
#include "runtime/background.h"

#include <algorithm>

#include "os/clock.h"
#include "os/futex.h"
#include "os/service_thread.h"
#include "runtime/heap_section.h"
#include "runtime/occupied.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

// Ticks in a row without anything to do before the thread dozes: two seconds.
constexpr uint32_t kQuietTicks = 8;
// Between two slices: others get at the page tables of the process.
constexpr uint64_t kBreak_ns = 200'000;
// Threads whose caches are trimmed at a time, by the thread: about half a millisecond; and by a
// slow path.
constexpr unsigned kTrimsPerRound = 8;
constexpr unsigned kTrimsByClock = 2;
// Growth that is worth a look: a sixteenth of the heap, but so much at least.
constexpr uint64_t kLeastGrowth = 16 << 20;
// Slow paths without a thread look at the clock each so many visits.
constexpr uint32_t kVisits = 16;

}  // namespace

// ---- by the thread

bool Background::TryStart(const void* caller) {
  if (options.background == Switch::kOff || caller == nullptr) return false;
  if (state_.LoadAcquire() != kNone || !worth_.Look() || os::IsSystemCode(caller)) return false;
  uint32_t none = kNone;
  if (!state_.CompareExchangeStrong(none, kStarting)) return false;
  state_.StoreRelease(kAwake);
  if (thread_.Start(this)) return true;
  state_.StoreRelease(kRefused);
  return false;
}

void Background::Run() {
  while (options.background == Switch::kOn) {
    const uint32_t seen = signal_.LoadAcquire();
    const uint64_t wait_ns = Round();
    if (wait_ns == kForGood) runtime_.process_end.LookAtFirst();
    const ThreadRegistry::Absence rest(runtime_.threads);
    if (wait_ns != kForGood) {
      os::FutexWaitFor_ns(signal_, seen, wait_ns);
    } else {
      Doze(seen, runtime_.limits.has_percentage() ? Limits::kRefresh_ns : kForGood);
    }
  }
  state_.StoreRelease(kNone);
}

// A slow path after the exchange wakes this thread; one before it has changed nothing that the last
// ticks could not see. A limit that others may move is looked at now and then.
void Background::Doze(uint32_t seen, uint64_t at_most_ns) {
  uint32_t awake = kAwake;
  if (!state_.CompareExchangeStrong(awake, kDozing)) return;
  os::FutexWaitFor_ns(signal_, seen, at_most_ns);
  uint32_t dozing = kDozing;
  if (!state_.CompareExchangeStrong(dozing, kAwake)) has_news_.StoreRelease(true);  // by Wake
}

void Background::Wake() {
  uint32_t dozing = kDozing;
  if (!state_.CompareExchangeStrong(dozing, kAwake)) return;
  signal_.FetchAdd(1);
  os::FutexWakeOne(signal_);
}

// The look at all threads comes before the section: it takes the lock of their list.
uint64_t Background::Round() {
  const uint64_t now_ns = os::MonotonicNow_ns();
  runtime_.limits.RefreshByClock();
  LookForIdle(now_ns);
  const HeapSection section;
  if (!section.is_open() || !scavenger_.TryTake()) return Scavenger::kTick_ns;
  const bool trims = TrimIdle(kTrimsPerRound);
  const uint64_t wait_ns = Work(section.block());
  const bool is_quiet = scavenger_.quiet_ticks() >= kQuietTicks && !idle_.is_pending();
  scavenger_.Leave();
  if (trims) return kBreak_ns;
  return is_quiet ? kForGood : wait_ns;
}

void Background::LookForIdle(uint64_t now_ns) {
  // Relaxed: a time that may be old costs a look.
  if (now_ns < next_look_ns_.LoadRelaxed() || idle_taken_.Exchange(true)) return;
  next_look_ns_.StoreRelaxed(now_ns + Scavenger::kTick_ns);
  const uint64_t before_ns = os::ThreadProcessorTime_ns();
  runtime_.cache_share.Update();
  idle_.Look();
  look_ns_.FetchAddRelaxed(os::ThreadProcessorTime_ns() - before_ns);
  idle_taken_.StoreRelease(false);
}

bool Background::TrimIdle(unsigned most) {
  if (idle_taken_.Exchange(true)) return false;
  const uint64_t before_ns = os::ThreadProcessorTime_ns();
  bool any = false;
  unsigned looked_at = 0;
  for (; looked_at < most && idle_.has_more() && scavenger_.may_work(); ++looked_at) {
    any = idle_.TrimNext() || any;
  }
  const bool has_more = idle_.has_more() && looked_at > 0;
  idle_taken_.StoreRelease(false);
  if (any) scavenger_.Stir();
  scavenger_.Charge(os::ThreadProcessorTime_ns() - before_ns + look_ns_.Exchange(0));
  return has_more;
}

uint64_t Background::Work(ThreadBlock& block) {
  scavenger_.SetFloor(options.minheap);
  if (has_news_.Exchange(false)) {
    scavenger_.Hurry(has_grown_.Exchange(false));
    scavenger_.Stir();
  }
  const bool released = scavenger_.Work(os::MonotonicNow_ns(), block.page_cache).value != 0;
  if (!block.page_cache.is_empty()) pages_.Flush(block.page_cache);
  const uint64_t wait_ns = scavenger_.Wait_ns(os::MonotonicNow_ns());
  return released && wait_ns < kBreak_ns ? kBreak_ns : wait_ns;
}

// ---- by slow paths

void Background::NoticeGrowth() {
  const uint64_t grown = pages_.grown_bytes();
  uint64_t at = eager_at_.LoadAcquire();
  const uint64_t next = grown + std::max(grown / 16, kLeastGrowth);
  if (grown < at || !eager_at_.CompareExchangeStrong(at, next)) return;
  has_grown_.StoreRelease(true);
  Hurry();
}

void Background::Hurry() {
  has_news_.StoreRelease(true);
  due_ns_.StoreRelaxed(0);  // relaxed: a time that may be old
  if (state_.LoadAcquire() != kAwake) return Wake();
  signal_.FetchAdd(1);
  os::FutexWakeOne(signal_);
}

// A handler that interrupted a slow path, and whoever forks, leave all that to others.
void Background::NoticeSlow() {
  if (Occupied::IsInHeap()) return;
  NoticeGrowth();
  switch (state_.LoadAcquire()) {
    case kDozing:
      Wake();
      return;
    case kNone:
    case kRefused:
      GoByClock();
      return;
    default:
      return;
  }
}

void Background::AttendSlow(const void* caller) {
  if (Occupied::IsInHeap()) return;  // as above
  if (state_.LoadAcquire() == kAwake) {
    NoticeGrowth();
  } else if (!TryStart(caller)) {
    NoticeSlow();
  }
}

// Libc frees under the lock of its stacks, which a start takes. With one thread nobody but the
// caller can hold it.
void Background::AttendFreeSlow(const void* caller, size_t bytes) {
  if (os::HasOneThread()) {
    if (state_.LoadAcquire() == kNone) worth_.NoteFreed(bytes);
    AttendSlow(caller);
  } else {
    NoticeSlow();
  }
}

// The thread is not there yet and may well be later.
bool Background::IsOneAwaited() {
  return options.background == Switch::kOn && state_.LoadAcquire() == kNone && !worth_.Look();
}

void Background::GoByClock() {
  // Relaxed: a count that may miss some, and a time that may be old.
  const uint32_t visits = visits_.LoadRelaxed() + 1;
  visits_.StoreRelaxed(visits);
  if (visits % kVisits != 0) return;
  const uint64_t now_ns = os::MonotonicNow_ns();
  if (now_ns < due_ns_.LoadRelaxed()) return;
  if (IsOneAwaited()) {
    LookByClock(now_ns);
  } else {
    WorkByClock(now_ns);
  }
}

void Background::LookByClock(uint64_t now_ns) {
  const HeapSection section;
  if (!section.is_open() || !scavenger_.TryTake()) return;
  scavenger_.SetFloor(options.minheap);
  const uint64_t excess = scavenger_.Look(now_ns);
  worth_.NoteExcess(excess, scavenger_.ReadUse().in_use);
  scavenger_.Leave();
  due_ns_.StoreRelaxed(now_ns + Scavenger::kTick_ns);
}

void Background::WorkByClock(uint64_t now_ns) {
  LookForIdle(now_ns);
  const HeapSection section;
  if (!section.is_open() || !scavenger_.TryTake()) return;
  const bool trims = TrimIdle(kTrimsByClock);
  const uint64_t wait_ns = trims ? kBreak_ns : Work(section.block());
  due_ns_.StoreRelaxed(now_ns + wait_ns);
  scavenger_.Leave();
}

// ---- ends

void Background::ResetInChild() {
  state_.StoreRelaxed(kNone);  // relaxed: one thread is left
  due_ns_.StoreRelaxed(0);
  eager_at_.StoreRelaxed(0);
  next_look_ns_.StoreRelaxed(0);
  worth_.ResetInChild();
  idle_taken_.StoreRelaxed(false);
  scavenger_.ResetInChild();
}

}  // namespace spanheap
