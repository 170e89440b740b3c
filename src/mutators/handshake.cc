// SPDX-License-Identifier: MIT
#include "mutators/handshake.h"

#include "base/check.h"
#include "base/fatal.h"
#include "base/line_writer.h"
#include "mutators/mutator_registry.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/limits.h"
#include "os/signals.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

constexpr uint64_t kMostPatience_ns = 50'000'000;
constexpr uint64_t kComplain_ns = 1'000'000'000;
// A running thread answers within 20 us; who has fallen asleep by then is back 50 us later.
constexpr uint64_t kLongestSpin_ns = 30'000;
constexpr int kSpinsPerLook = 40;

// What every held thread sleeps on: counted up whenever some are released.
constinit Atomic<uint32_t> releases{0};

void SleepWhile(const Mutator& self, MutatorState held) {
  for (;;) {
    const uint32_t seen = releases.LoadAcquire();
    if (self.state.LoadSequential() != held) return;
    os::FutexWait(releases, seen);
  }
}

// By a thread that is answering. Somebody asks: it is now `held`, and counted; true. Nobody does
// any more: it is back in state `otherwise`.
bool AnswerAs(Mutator& self, MutatorState held, MutatorState otherwise) {
  Handshake* const asker = self.request.LoadSequential();
  self.state.StoreSequential(asker != nullptr ? held : otherwise);
  if (asker != nullptr) asker->CountDown();
  return asker != nullptr;
}

}  // namespace

bool Handshake::TryReserve(Mutator& target) {
  uint32_t expected = 0;
  return target.hold.CompareExchangeStrong(expected, 1);
}

void Handshake::Reserve(Mutator& target) {
  if (TryReserve(target)) return;
  while (target.hold.Exchange(2) != 0) os::FutexWait(target.hold, 2);
}

void Handshake::Ask(Mutator& target) {
  missing_.FetchAdd(1);
  if (asked_ns_ == 0) asked_ns_ = os::MonotonicNow_ns();
  target.request.StoreSequential(this);
  if (TryClaim(target)) return;
  const os::Sent sent = target.registry->Signal(target);
  SPANHEAP_CHECK(sent != os::Sent::kRefused && "the stop signal can be sent");
  if (sent == os::Sent::kNoSuchThread) target.registry->NoteDead(target);
}

bool Handshake::TryClaim(Mutator& target) {
  // Sequential: the thread stores "parked" and then looks for a request; one of us sees the other.
  if (target.state.LoadSequential() != MutatorState::kParked) return false;
  MutatorState expected = MutatorState::kParked;
  if (!target.state.CompareExchangeStrong(expected, MutatorState::kHeld)) return false;
  target.request.LoadAcquire()->CountDown();
  return true;
}

bool Handshake::IsHeld(const Mutator& target) {
  const MutatorState state = target.state.LoadAcquire();
  return state == MutatorState::kHeld || state == MutatorState::kStopped;
}

// After the count is down, the asker may be gone: waking needs its address only.
void Handshake::CountDown() {
  const bool wakes_each = wakes_each_;
  if (missing_.FetchSub(1) == 1 || wakes_each) os::FutexWakeAll(missing_);
}

bool Handshake::SpinWhile(uint32_t before) const {
  for (int i = 0; i < kSpinsPerLook; ++i) {
    if (missing() != before) return false;
    os::SpinHint();
  }
  return true;
}

// Where each thread that is waited for may have a processor besides this one, it is likely to run.
bool Handshake::AwaitChange(uint64_t longest_ns) {
  const uint32_t before = missing();
  if (!SpinWhile(before)) return true;
  if (before < os::ProcessorCount()) {
    const uint64_t begin_ns = os::MonotonicNow_ns();
    do {
      if (!SpinWhile(before)) return true;
    } while (os::MonotonicNow_ns() - begin_ns < kLongestSpin_ns);
  }
  os::FutexWaitFor_ns(missing_, before, longest_ns);
  return missing() != before;
}

void Handshake::LosePatience() {
  if (patience_ns_ < kMostPatience_ns) patience_ns_ *= 2;
  complains_ = !has_complained_ && os::MonotonicNow_ns() - asked_ns_ > kComplain_ns;
  has_complained_ = has_complained_ || complains_;
}

void Handshake::Remind(Mutator& target) {
  if (target.request.LoadAcquire() != this || IsHeld(target) || TryClaim(target)) return;
  if (complains_) Complain(target);
  if (target.registry->Signal(target) == os::Sent::kNoSuchThread) target.registry->NoteDead(target);
}

void Handshake::Complain(const Mutator& target) {
  LineWriter line;
  line.Decimal(target.thread_id);
  line.Text(os::BlocksSignal(target.thread_id, target.registry->signal())
                ? ": it blocks the signal "
                : ": it does not answer the signal ");
  line.Decimal(static_cast<uint64_t>(target.registry->signal())).Char('\0');
  WarnLine("the collector waits for a thread to stop, since a second: thread ", line.data());
}

void Handshake::Release(Mutator& target) {
  target.request.StoreSequential(nullptr);
  const bool was_parked = target.state.LoadAcquire() == MutatorState::kHeld;
  target.state.StoreSequential(was_parked ? MutatorState::kParked : MutatorState::kRunning);
  if (target.hold.Exchange(0) == 2) os::FutexWakeAll(target.hold);
}

void Handshake::WakeReleased() {
  releases.FetchAdd(1);
  os::FutexWakeAll(releases);
}

// The request is read again once the state says "answering": until then a signal may come in
// between and answer what was read before, whose asker is then gone. From then on the asker needs
// this thread, and a signal finds that the thread is about to look.
void StopHere(Mutator& self, void* context, uintptr_t stack_pointer) {
  while (self.request.LoadSequential() != nullptr) {
    MutatorState expected = MutatorState::kRunning;
    if (!self.state.CompareExchangeStrong(expected, MutatorState::kAnswering)) return;
    self.context = context;
    self.stack_pointer = stack_pointer;
    self.frames.count = 0;
    if (AnswerAs(self, MutatorState::kStopped, MutatorState::kRunning)) {
      SleepWhile(self, MutatorState::kStopped);
    }
  }
}

namespace {

struct Parking {
  SavedFrames& frames;
  const void* frame;
};

// Copies the frames that are about to end; what they hold of the caller's registers is theirs.
SPANHEAP_NO_SANITIZE void SaveFrames(void* argument, uintptr_t stack_pointer) {
  const Parking& parking = *static_cast<Parking*>(argument);
  SavedFrames& frames = parking.frames;
  const auto* from = reinterpret_cast<const uintptr_t*>(stack_pointer);
  const auto* to = static_cast<const uintptr_t*>(parking.frame);
  SPANHEAP_CHECK(to >= from && to - from <= SavedFrames::kCapacity);
  frames.count = static_cast<uint32_t>(to - from);
  for (uint32_t i = 0; i < frames.count; ++i) frames.words[i] = from[i];
}

// A request that was made before "parked" could be seen: its signal would come too late.
void ClaimOneself(Mutator& self) {
  while (self.request.LoadSequential() != nullptr) {
    MutatorState expected = MutatorState::kParked;
    if (!self.state.CompareExchangeStrong(expected, MutatorState::kAnswering)) return;
    if (AnswerAs(self, MutatorState::kHeld, MutatorState::kParked)) return;
  }
}

}  // namespace

void SaveFramesBelow(const void* frame, SavedFrames& out) {
  Parking parking{out, frame};
  os::CallWithRegistersOnStack(&SaveFrames, &parking);
}

void Park(Mutator& self, const void* frame) {
  SPANHEAP_DCHECK(self.state.LoadAcquire() == MutatorState::kRunning);
  // A stop by signal in here would write over what is being saved.
  StopDelay::Begin();
  SaveFramesBelow(frame, self.frames);
  self.context = nullptr;
  self.stack_pointer = reinterpret_cast<uintptr_t>(frame);
  self.state.StoreSequential(MutatorState::kParked);
  ClaimOneself(self);
  StopDelay::End();
}

void Unpark(Mutator& self) {
  MutatorState expected = MutatorState::kParked;
  while (!self.state.CompareExchangeStrong(expected, MutatorState::kRunning)) {
    SPANHEAP_DCHECK(expected == MutatorState::kHeld);
    SleepWhile(self, MutatorState::kHeld);
    expected = MutatorState::kParked;
  }
}

}  // namespace spanheap
