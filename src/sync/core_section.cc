// SPDX-License-Identifier: MIT
#include "sync/core_section.h"

#include "base/check.h"
#include "base/platform.h"
#include "os/futex.h"
#include "os/limits.h"

namespace spanheap {
namespace {

SPANHEAP_TOUCHED_AT_START constinit Atomic<bool> sections_are_required{false};

// Of this thread, through any gate. A template: it exists only where it is used, in debug builds.
template <bool kChecked>
constinit thread_local uint32_t open_sections = 0;

}  // namespace

SPANHEAP_AT_START void CoreGate::Init() { closer_makes_barrier_ = os::CanMembarrier(); }

void CoreGate::Close() {
  closed_.StoreSequential(1);
  if (closer_makes_barrier_) os::Membarrier();
}

void CoreGate::Open() {
  closed_.StoreSequential(0);
  os::FutexWakeAll(closed_);
}

void CoreGate::AwaitOutside(const ThreadState& thread) const {
  for (unsigned turn = 0; thread.section_depth.LoadSequential() != 0; ++turn) os::GiveWay(turn);
}

void CoreGate::AwaitOpen(ThreadState& self) {
  while (is_closed()) os::FutexWait(closed_, 1);
  while (self.claimed.LoadSequential() != 0) os::FutexWait(self.claimed, 1);
}

bool CoreGate::TryClaim(ThreadState& thread) const {
  uint32_t free = 0;
  if (!closer_makes_barrier_ || !thread.claimed.CompareExchangeStrong(free, 1)) return false;
  os::Membarrier();
  if (thread.section_depth.LoadSequential() == 0) return true;
  EndClaim(thread);
  return false;
}

void CoreGate::EndClaim(ThreadState& thread) const {
  thread.claimed.StoreSequential(0);
  os::FutexWakeAll(thread.claimed);
}

void CoreSection::EnterWhenOpen(CoreGate& gate, ThreadState& self) {
  do {
    self.section_depth.StoreRelease(0);
    StopDelay::End();  // who closed the gate may wait for this thread to stop
    gate.AwaitOpen(self);
    StopDelay::Begin();
    Announce(gate, self);
  } while (IsKeptOut(gate, self));
}

// Relaxed here and below: a switch that is turned once and orders nothing.
SPANHEAP_AT_START void CoreSection::RequireForLocks() { sections_are_required.StoreRelaxed(true); }

void CoreSection::CheckInside() {
  if constexpr (kDebugChecks) {
    SPANHEAP_CHECK((!sections_are_required.LoadRelaxed() || open_sections<kDebugChecks> > 0) &&
                   "locks are taken inside sections only");
  }
}

void CoreSection::NoteEntering() {
  if constexpr (kDebugChecks) ++open_sections<kDebugChecks>;
}

void CoreSection::NoteLeaving() {
  if constexpr (kDebugChecks) --open_sections<kDebugChecks>;
}

}  // namespace spanheap
