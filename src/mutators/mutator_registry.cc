// SPDX-License-Identifier: MIT
#include "mutators/mutator_registry.h"

#include <algorithm>

#include "base/check.h"
#include "base/fatal.h"
#include "mutators/barrier.h"
#include "mutators/blocking_region.h"
#include "mutators/handshake.h"
#include "mutators/stop_signal.h"
#include "mutators/stop_the_world.h"
#include "mutators/store_ranges.h"
#include "mutators/thread_scan.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/service_thread.h"
#include "os/thread.h"
#include "os/thread_context.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

constinit Atomic<bool> has_said_no_signal{false};

SPANHEAP_COLD void SayNoSignal() {
  if (has_said_no_signal.Exchange(true)) return;
  WarnLine(
      "no collected heap: the program has handlers for SIGURG and all real-time signals, and it "
      "needs one of them");
}

auto EachFrom(Mutator* first) {
  return [first](const auto& function) {
    for (Mutator* m = first; m != nullptr; m = m->next) function(*m);
  };
}

}  // namespace

bool MutatorRegistry::Start(const MutatorHooks& hooks, int signal) {
  hooks_ = hooks;
  signal_ = signal != 0 ? signal : os::ChooseStopSignal();
  StopDelay::SetHook(&StopAtEndOfDelay);
  if (signal_ == 0) SayNoSignal();
  if (signal_ == 0 || !os::InstallHandler(signal_, &HandleStopSignal, previous_action_))
    return false;
  signal_return_code_ = os::ReturnCode(signal_);
  return true;
}

bool MutatorRegistry::Attach(Mutator& record) {
  SPANHEAP_DCHECK(this_mutator == nullptr);
  record.own_stack = StackRecord{};
  record.own_stack.bounds = os::CallingThreadStack();
  if (record.own_stack.bounds.high == Address()) return false;
  record.own_stack.runner = &record;
  record.current_stack = &record.own_stack;
  record.previous_stack = nullptr;
  record.scanned_epoch = record.taken_epoch = 0;
  record.blocking_depth = 0;
  record.sleeps = 0;  // who had the record may have been lost while it slept
  record.thread_id = os::ThreadId();
  record.registry = this;
  // Before it is in the list: the handler looks for it here.
  this_mutator = &record;
  MutexLock lock(mutex_);
  ReapLocked();
  LinkLocked(record);
  RememberWritten(true);  // nobody has looked at its stack
  record.state.StoreSequential(MutatorState::kRunning);
  return true;
}

// Whoever has the list may wait for this thread to stop, so it waits for the list parked. The last
// pin may go while it is on its way to sleep.
void MutatorRegistry::Detach(Mutator& record) {
  SPANHEAP_DCHECK(this_mutator == &record);
  stacks_.Leave(record);
  BeginBlocking();
  while (!TryDetach(record)) {
    const uint32_t pins = record.pins.LoadAcquire();
    if (pins != 0) os::FutexWait(record.pins, pins);
  }
  this_mutator = nullptr;
}

bool MutatorRegistry::TryDetach(Mutator& record) {
  MutexLock lock(mutex_);
  if (record.pins.LoadAcquire() != 0) return false;
  UnlinkLocked(record);
  record.state.StoreSequential(MutatorState::kDetached);
  return true;
}

void MutatorRegistry::LinkLocked(Mutator& record) {
  record.previous = nullptr;
  record.next = first_;
  if (first_ != nullptr) first_->previous = &record;
  first_ = &record;
  count_.AddOwned(1);
}

void MutatorRegistry::UnlinkLocked(Mutator& record) {
  (record.previous != nullptr ? record.previous->next : first_) = record.next;
  if (record.next != nullptr) record.next->previous = record.previous;
  record.next = record.previous = nullptr;
  count_.AddOwned(-1U);
}

uint32_t MutatorRegistry::TakeUnscanned(uint64_t epoch, Mutator** taken, uint32_t most) {
  MutexLock lock(mutex_);
  uint32_t count = 0;
  for (Mutator* m = first_; m != nullptr && count < most; m = m->next) {
    if (m->taken_epoch == epoch || m->is_dead.LoadAcquire()) continue;
    m->taken_epoch = epoch;
    m->pins.FetchAdd(1);
    taken[count++] = m;
  }
  return count;
}

void MutatorRegistry::Unpin(Mutator& mutator) {
  if (mutator.pins.FetchSub(1) == 1) os::FutexWakeAll(mutator.pins);
}

bool MutatorRegistry::IsOnStack(uintptr_t address) {
  const StopDelay delay;
  {
    MutexLock lock(mutex_);
    for (const Mutator* m = first_; m != nullptr; m = m->next) {
      if (stacks_.HasOn(*m, address)) return true;
    }
  }
  return stacks_.Holds(address);
}

void MutatorRegistry::BeginEpoch(uint64_t epoch) {
  stacks_.BeginEpoch(epoch);
  ranges_.BeginEpoch();
}

bool MutatorRegistry::ScanStopped(uint64_t epoch, uint64_t most_bytes, ShadeWords take,
                                  void* argument, uint64_t& bytes) {
  uint64_t all = stacks_.UnscannedWork(most_bytes);
  if (all > most_bytes) return false;
  ForEach([&](const Mutator& m) { all += m.Words().total_words() * sizeof(uintptr_t); });
  if (all > most_bytes) return false;
  ForEach([&](Mutator& m) {
    const WordRanges words = m.Words();
    take(words, argument);
    bytes += words.total_words() * sizeof(uintptr_t);
    m.taken_epoch = m.scanned_epoch = epoch;
  });
  while (stacks_.ScanNext(take, argument, bytes)) {}
  RememberWritten(false);
  return true;
}

bool MutatorRegistry::ScanNextStack(uint64_t epoch, ShadeWords shade, void* argument,
                                    uint64_t& bytes) {
  return ThreadScan(*this, epoch, shade, argument).Run(bytes) ||
         stacks_.ScanNext(shade, argument, bytes);
}

void MutatorRegistry::ReserveOthersLocked(Mutator* self) {
  for (Mutator* m = first_; m != nullptr; m = m->next) {
    if (m != self) Handshake::Reserve(*m);
  }
}

void MutatorRegistry::StopWorld(const void* frame) NO_THREAD_SAFETY_ANALYSIS {
  SPANHEAP_DCHECK(!StopDelay::is_open());
  Mutator* const self = this_mutator;
  const bool parks = self != nullptr && self->state.LoadAcquire() == MutatorState::kRunning;
  if (parks) Park(*self, frame);
  world_mutex_.Lock();
  mutex_.Lock();
  unparks_self_ = parks;
  ReserveOthersLocked(self);
  const uint64_t start_ns = os::MonotonicNow_ns();
  Handshake handshake;
  for (Mutator* m = first_; m != nullptr; m = m->next) {
    if (m != self) handshake.Request(*m);
  }
  handshake.Urge(EachFrom(first_));
  handshake.AwaitAll(EachFrom(first_));
  stop_ns_ = os::MonotonicNow_ns() - start_ns;
}

void MutatorRegistry::StartWorld() NO_THREAD_SAFETY_ANALYSIS {
  Mutator* const self = this_mutator;
  for (Mutator* m = first_; m != nullptr; m = m->next) {
    if (m != self) Handshake::Release(*m);
  }
  Handshake::WakeReleased();
  const bool unparks = unparks_self_;
  mutex_.Unlock();
  world_mutex_.Unlock();
  if (unparks) Unpark(*self);
}

template <class Visitor>
void MutatorRegistry::ForEachContext(const os::WordSpan& words, Visitor&& visit) const {
  const auto high = reinterpret_cast<uintptr_t>(words.end);
  auto low = reinterpret_cast<uintptr_t>(words.begin);
  while (void* context = os::FindContext(low, high, signal_return_code_)) {
    visit(context);
    low = reinterpret_cast<uintptr_t>(context);
  }
}

void MutatorRegistry::RestartStoresIn(const os::WordSpan& words) const {
  ForEachContext(words, [](void* context) {
    os::SetProgramCounter(context, RestartAddress(os::ProgramCounter(context)));
  });
}

void MutatorRegistry::RestartInterruptedStores() {
  ForEach([this](const Mutator& mutator) {
    for (const os::WordSpan& words : mutator.Words()) RestartStoresIn(words);
  });
}

// Those that `asker` holds: one that it has released may be held by another already.
bool MutatorRegistry::VisitHeldLocked(const Handshake& asker, void (*visit)(Mutator&, void*),
                                      void* argument) {
  bool any = false;
  for (Mutator* m = first_; m != nullptr; m = m->next) {
    if (m->request.LoadAcquire() != &asker || !Handshake::IsHeld(*m)) continue;
    visit(*m, argument);
    Handshake::Release(*m);
    any = true;
  }
  if (any) Handshake::WakeReleased();
  return any;
}

void MutatorRegistry::RaggedBarrier(void (*visit)(Mutator& mutator, void* argument),
                                    void* argument) {
  const BlockingRegion parked;
  Mutator* const self = this_mutator;
  MutexLock lock(mutex_);
  ReserveOthersLocked(self);
  Handshake handshake(true);
  for (Mutator* m = first_; m != nullptr; m = m->next) {
    if (m != self) handshake.Request(*m);
  }
  handshake.Urge(EachFrom(first_));
  // A thread may still be counting down after it was seen held: wait for the count, too.
  do {
    VisitHeldLocked(handshake, visit, argument);
    handshake.AwaitSome(EachFrom(first_));
  } while (handshake.missing() != 0);
  VisitHeldLocked(handshake, visit, argument);
  if (self != nullptr) visit(*self, argument);
}

os::Sent MutatorRegistry::Signal(const Mutator& target) const {
  return os::SendSignal(target.thread_id, signal_, this);
}

// It ended without detaching: nothing of it can be read, and nobody will answer for it.
void MutatorRegistry::NoteDead(Mutator& target) {
  target.is_dead.StoreRelease(true);
  MutatorState expected = MutatorState::kRunning;
  if (!target.state.CompareExchangeStrong(expected, MutatorState::kStopped)) return;
  if (Handshake* const asker = target.request.LoadAcquire()) asker->CountDown();
}

void MutatorRegistry::ReapLocked() {
  for (Mutator* m = first_; m != nullptr;) {
    Mutator* const next = m->next;
    if (m->is_dead.LoadAcquire() && m->pins.LoadAcquire() == 0) {
      UnlinkLocked(*m);
      stacks_.Forget(*m);
      m->state.StoreRelease(MutatorState::kDetached);
      m->is_dead.StoreRelease(false);
      if (hooks_.lost != nullptr) hooks_.lost(*m);
    }
    m = next;
  }
}

namespace {

SPANHEAP_NOINLINE void NapParked(uint64_t nap_ns) {
  const BlockingRegion parked;
  os::SleepFor_ns(nap_ns);
}

}  // namespace

// The code that was interrupted, by the stop or by a handler that was then stopped. Who stopped by
// a call of its own, or is parked, has no context. Frames of handlers may be left over from earlier
// calls: they count only while those do who wait.
bool MutatorRegistry::IsInSystemCode(const Mutator& mutator, bool waits_count) const {
  const auto is_in = [&](const void* context) {
    const uintptr_t pc = os::ProgramCounter(context);
    return os::IsSystemCode(reinterpret_cast<const void*>(pc)) &&
           (waits_count || !os::IsAtSystemCall(context));
  };
  if (mutator.is_dead.LoadAcquire()) return false;
  if (mutator.context != nullptr && is_in(mutator.context)) return true;
  if (!waits_count) return false;
  bool any = false;
  for (const os::WordSpan& words : mutator.Words()) {
    ForEachContext(words, [&](const void* context) { any = any || is_in(context); });
  }
  return any;
}

bool MutatorRegistry::IsAnyInSystemCode(bool waits_count) {
  bool any = false;
  ForEach([&](const Mutator& mutator) {
    any = any || (&mutator != this_mutator && IsInSystemCode(mutator, waits_count));
  });
  return any;
}

// Patience ends: who is in libc for that long waits for something, and hardly with one of fork's
// locks in hand. Where its code cannot be told from other code (programs without a dynamic linker)
// any stop has to do.
SPANHEAP_NOINLINE bool MutatorRegistry::IsGoodForFork(uint64_t waited_ns) {
  constexpr uint64_t kForWaiting_ns = 20'000'000;
  constexpr uint64_t kForAll_ns = 200'000'000;
  const bool can_tell = !os::IsSystemCode(reinterpret_cast<const void*>(&HandleStopSignal));
  return !can_tell || waited_ns > kForAll_ns || !IsAnyInSystemCode(waited_ns < kForWaiting_ns);
}

// Stops again until all threads are met outside of libc. The frame of this is copied while it is
// parked (SavedFrames), so it is kept small.
void MutatorRegistry::BeforeFork() {
  const void* const frame = SPANHEAP_CALLER_FRAME();
  const uint64_t begin = os::MonotonicNow_ns();
  for (uint64_t nap_ns = 50'000;; nap_ns = std::min(nap_ns * 2, uint64_t{1'000'000})) {
    StopWorld(frame);
    if (IsGoodForFork(os::MonotonicNow_ns() - begin)) return;
    StartWorld();
    NapParked(nap_ns);
  }
}

void MutatorRegistry::AfterForkInParent() { StartWorld(); }

void MutatorRegistry::AfterForkInChild() {
  Mutator* const self = this_mutator;
  Handshake::ResetInChild(self);
  for (Mutator* m = first_; m != nullptr;) {
    Mutator* const next = m->next;
    if (m != self) {
      UnlinkLocked(*m);
      m->request.StoreRelease(nullptr);
      m->hold.StoreRelease(0);
      m->pins.StoreRelease(0);
      m->is_dead.StoreRelease(false);
      stacks_.Forget(*m);  // before the record is anybody's
      m->state.StoreRelease(MutatorState::kDetached);
      if (hooks_.lost != nullptr) hooks_.lost(*m);
    }
    m = next;
  }
  if (self != nullptr) self->thread_id = os::ThreadId();
  StartWorld();
}

}  // namespace spanheap
