// SPDX-License-Identifier: MIT
//
// The part of ThreadRegistry that counts who may open sections, and tells when it is one thread.
#include <utility>

#include "base/check.h"
#include "os/clock.h"
#include "runtime/occupied.h"
#include "runtime/runtime.h"
#include "runtime/thread_registry.h"
#include "sync/alone.h"

namespace spanheap {
namespace {

// Threads that end faster than this after one another, so many in a row: the next one is near.
constexpr uint64_t kShortVisit_ns = 1'000'000;
constexpr uint32_t kShortVisits = 8;

}  // namespace

void ThreadRegistry::Arrive() {
  const Occupied occupied;
  MutexLock lock(mutex_);
  ArriveLocked();
}

void ThreadRegistry::Depart() {
  const Occupied occupied;
  MutexLock lock(mutex_);
  DepartLocked();
}

bool ThreadRegistry::Rest() {
  if (this_thread.presence == 0) return false;
  SPANHEAP_DCHECK(this_thread.presence == 1);
  Depart();
  return true;
}

void ThreadRegistry::ArriveLocked() {
  if (this_thread.presence++ > 0) return;
  if (++present_ == 1) SetAlone(true);
  if (present_ == 2 && IsAlone()) EndAlone();
}

// Another thread may be in a section that relies on being the only one.
void ThreadRegistry::EndAlone() {
  runtime_.gate.Close();
  AwaitOthersOutside();
  SetAlone(false);
  runtime_.gate.Open();
}

// What this thread has done is done: whoever is left may go on without atomics in mid-section.
void ThreadRegistry::DepartLocked() {
  if (--this_thread.presence == 0) OneLessLocked();
}

void ThreadRegistry::OneLessLocked() {
  if (--present_ == 1 && IsWorthAloneLocked()) SetAlone(true);
}

void ThreadRegistry::NoteVisitLocked() {
  const uint64_t now_ns = os::MonotonicNow_ns();
  const bool was_short = now_ns - std::exchange(ended_ns_, now_ns) < kShortVisit_ns;
  short_visits_ = was_short ? short_visits_ + 1 : 0;
}

// To end it costs a barrier and a wait for who is inside. Not to begin costs the one that is left
// its atomics until somebody departs after a while in which no thread has ended: the heap's own
// thread, if there is one.
bool ThreadRegistry::IsWorthAloneLocked() const {
  return short_visits_ < kShortVisits || os::MonotonicNow_ns() - ended_ns_ >= kShortVisit_ns;
}

}  // namespace spanheap
