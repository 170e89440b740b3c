// SPDX-License-Identifier: MIT
#include "runtime/collector_thread.h"

#include <algorithm>

#include "base/check.h"
#include "base/fatal.h"
#include "mutators/blocking_region.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/probe.h"
#include "os/signals.h"
#include "os/thread.h"
#include "policy/pace_rules.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "runtime/options.h"

namespace spanheap {
namespace {

using policy::kPeriod_ns;

// Later: memory and destructors of what died wait longer in a program that allocates little.
// Earlier: more is swept on another processor that a program was about to sweep for itself.
constexpr uint64_t kSweepDelay_ns = 10'000'000;
// Who waits for another's turn to end looks again by then: a thread may have been had meanwhile.
constexpr uint64_t kTurn_ns = 10'000'000;
constexpr uint64_t kVerifyMarks = 3;  // the level from which on each mark is verified

}  // namespace

bool CollectorThread::EnsureRunningLocked() {
  if (!is_running_ && !is_served_here_) is_running_ = thread_.Start(this);
  if (is_running_) is_lost_.StoreRelease(0);
  return is_running_;
}

// Who sees the number sees that it is forced.
uint32_t CollectorThread::NextRequest(bool forced) {
  MutexLock lock(start_mutex_);
  if (!EnsureRunningLocked()) return 0;
  const uint32_t mine = requested_.LoadAcquire() + 1;
  if (forced) forced_.StoreRelease(mine);
  requested_.StoreRelease(mine);
  return mine;
}

uint32_t CollectorThread::Request(bool forced) {
  const uint32_t mine = NextRequest(forced);
  if (mine != 0) os::FutexWakeAll(requested_);
  return mine;
}

void CollectorThread::Await(uint32_t request) {
  const BlockingRegion waiting;
  for (;;) {
    const uint32_t served = served_.LoadAcquire();
    // Numbers wrap: what counts is which is ahead.
    if (static_cast<int32_t>(served - request) >= 0) return;
    os::FutexWait(served_, served);
  }
}

void CollectorThread::Collect() {
  for (;;) {
    const uint32_t turns = turns_.LoadAcquire();
    const uint32_t request = Request(true);
    if (request != 0) {
      Await(request);
      return;
    }
    if (ServeHere(true)) return;
    const BlockingRegion waiting;
    os::FutexWaitFor_ns(turns_, turns, kTurn_ns);
  }
}

// ---- without a thread

bool CollectorThread::TakeTurn() {
  MutexLock lock(start_mutex_);
  if (is_running_ || is_served_here_) return false;
  is_served_here_ = true;
  return true;
}

void CollectorThread::EndTurn() {
  {
    MutexLock lock(start_mutex_);
    is_served_here_ = false;
  }
  turns_.FetchAdd(1);
  os::FutexWakeAll(turns_);
}

// Parked from before the turn on: who forks or stops the world meanwhile does not wait for it. And
// deaf, as the collector's own thread is: a handler would run while others are stopped, and might
// wait for one of them, or fork.
bool CollectorThread::ServeHere(bool forced) {
  const BlockingRegion parked;
  const os::SignalsBlocked deaf(os::Faults::kNot);
  if (!TakeTurn()) return false;
  if (!has_said_.Exchange(true))
    WarnLine("no thread can be had for the collector: threads of the program run its cycles");
  Mark(forced);
  Sweep(forced);
  EndTurn();
  return true;
}

// Who comes late finds that the heap is not full any more, or tries again.
void CollectorThread::ServeDueHere() {
  ServeHere(false);
  due_.StoreRelease(0);
}

// ---- the thread

void CollectorThread::Main(void* self) {
  auto& mine = *static_cast<CollectorThread*>(self);
  for (;;) {
    const uint32_t requested = mine.requested_.LoadAcquire();
    if (requested == mine.served_.LoadAcquire()) {
      const uint64_t marks_last_ns = mine.collector_.MarksLast_ns();
      const uint64_t patience_ns = marks_last_ns == 0 ? kPeriod_ns : marks_last_ns;
      os::FutexWaitFor_ns(mine.requested_, requested, std::min(patience_ns, kPeriod_ns));
      mine.DropOldMarks(patience_ns);
      mine.RequestPeriodic();
    } else {
      mine.Serve();
    }
  }
}

// A program that stores much and allocates little would pay for marks that nobody uses.
void CollectorThread::DropOldMarks(uint64_t age_ns) {
  const uint64_t last_ns = collector_.last_cycle().start_ns;
  if (is_idle() && os::MonotonicNow_ns() - last_ns >= age_ns) collector_.DropMarks();
}

// A heap in use that grows too slowly to reach its goal is collected all the same.
void CollectorThread::RequestPeriodic() {
  const collected::CycleFigures& last = collector_.last_cycle();
  if (!is_idle() || last.number == 0 || collector_.pace.percent() < 0) return;
  if (os::MonotonicNow_ns() - last.start_ns >= kPeriod_ns) RequestDue();
}

void CollectorThread::Serve() {
  const uint32_t request = requested_.LoadAcquire();
  taken_.StoreRelease(request);
  const bool forced = static_cast<int32_t>(forced_.LoadAcquire() - served_.LoadAcquire()) > 0;
  Mark(forced);
  due_.StoreRelease(0);
  // Of a small heap the program sweeps what it needs; what it does not, soon.
  if (collector_.store.sweeps_lazily()) {
    os::FutexWaitFor_ns(requested_, request, kSweepDelay_ns);
  }
  Sweep(forced);
  served_.StoreRelease(request);
  os::FutexWakeAll(served_);
}

void CollectorThread::Mark(bool forced) {
  CollectedHeap::GetIfStarted()->ReleaseLost();
  if (options.verify >= kVerifyMarks) collector_.RequestVerify();
  collector_.RunCycle(forced);
  if (options.verify >= kVerifyMarks) {
    SPANHEAP_CHECK(collector_.missed() == 0 ||
                   collector_.missed() == collected::MarkVerifier::kNotCompared);
  }
  CollectedHeap::GetIfStarted()->NoteCycle();
}

void CollectorThread::Sweep(bool forced) {
  const uint64_t sweeping = os::MonotonicNow_ns();
  collector_.FinishSweep();
  collector_.events.Add(collected::EventKind::kSweep, os::ThreadId(), sweeping,
                        os::MonotonicNow_ns() - sweeping, collector_.store.swept_pages());
  SPANHEAP_PROBE(sweep__end, collector_.cycles(), collector_.store.swept_pages());
  if (forced) collector_.SweepHeld();
  heap::FreeDeferred();
  CollectedHeap::GetIfStarted()->RunQueued();
}

void CollectorThread::ResetInChild() {
  start_mutex_.ResetInChild();
  due_.StoreRelease(0);  // who was about to serve it may be gone
  if (!is_running_ && !is_served_here_) return;
  is_running_ = is_served_here_ = false;
  is_lost_.StoreRelease(1);
  taken_.StoreRelease(requested_.LoadAcquire());
  served_.StoreRelease(requested_.LoadAcquire());
}

}  // namespace spanheap
