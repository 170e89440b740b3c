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
constexpr int kSpinsPerLook = 40;  // a microsecond
// A signal takes some 15 us until it is answered.
constexpr uint64_t kPoll_ns = 3'000;

// What every held thread sleeps on: counted up whenever some are released.
constinit Atomic<uint32_t> releases{0};
// Threads that sleep on it or are about to.
constinit Atomic<uint32_t> sleepers{0};

// Until `is_over` says so; false: it did not for so long.
template <class IsOver>
bool Spin(uint64_t longest_ns, IsOver&& is_over) {
  const uint64_t begin_ns = os::MonotonicNow_ns();
  do {
    for (int i = 0; i < kSpinsPerLook; ++i) {
      if (is_over()) return true;
      os::SpinHint();
    }
  } while (os::MonotonicNow_ns() - begin_ns < longest_ns);
  return false;
}

// Who is about to sleep counts itself and then looks at its state; who releases writes the state
// and then looks at the count. All are sequential: one of the two sees the other.
void SleepWhile(Mutator& self, MutatorState held) {
  ++self.sleeps;
  sleepers.raw().fetch_add(1, std::memory_order_seq_cst);
  for (;;) {
    const uint32_t seen = releases.LoadAcquire();
    if (self.state.LoadSequential() != held) break;
    os::FutexWait(releases, seen);
  }
  sleepers.FetchSub(1);
  --self.sleeps;
}

void WaitWhileStopped(Mutator& self, bool spins) {
  const auto is_released = [&] { return self.state.LoadAcquire() != MutatorState::kStopped; };
  if (!spins || !Spin(kLongestSpin_ns, is_released)) SleepWhile(self, MutatorState::kStopped);
}

enum class Answer { kNone, kHeld, kHeldShortly };

// By a thread that is answering. Somebody asks: it is now `held`, and counted, shortly if it had
// better spin. Nobody does any more: it is back in state `otherwise`.
Answer AnswerAs(Mutator& self, MutatorState held, MutatorState otherwise) {
  Handshake* const asker = self.request.LoadSequential();
  if (asker == nullptr) {
    self.state.StoreSequential(otherwise);
    return Answer::kNone;
  }
  const Answer answer = asker->LetsSpin() ? Answer::kHeldShortly : Answer::kHeld;
  self.state.StoreSequential(held);
  asker->CountDown();
  return answer;
}

}  // namespace

Handshake::Handshake(bool wakes_each)
    : wakes_each_(wakes_each), processors_(os::ProcessorCount()) {}

bool Handshake::TryReserve(Mutator& target) {
  uint32_t expected = 0;
  return target.hold.CompareExchangeStrong(expected, 1);
}

void Handshake::Reserve(Mutator& target) {
  if (TryReserve(target)) return;
  while (target.hold.Exchange(2) != 0) os::FutexWait(target.hold, 2);
}

void Handshake::Request(Mutator& target) {
  missing_.FetchAdd(1);
  if (asked_ns_ == 0) asked_ns_ = os::MonotonicNow_ns();
  target.request.StoreSequential(this);
  TryClaim(target);
}

void Handshake::Ask(Mutator& target) {
  Request(target);
  Signal(target);
}

bool Handshake::AwaitPolls() const {
  return LetsSpin() && Spin(kPoll_ns, [this] { return missing() == 0; });
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
  const uint32_t before = missing_.FetchSub(1);
  if ((before & kSleeps) == 0) return;
  if ((before & ~kSleeps) == 1 || wakes_each) os::FutexWakeAll(missing_);
}

bool Handshake::AwaitChange(uint64_t longest_ns) {
  const uint32_t before = missing();
  const auto has_changed = [&] { return missing() != before; };
  if (Spin(LetsSpin() ? kLongestSpin_ns : 0, has_changed)) return true;
  const uint32_t asleep = missing_.FetchOr(kSleeps) | kSleeps;
  if (asleep == (before | kSleeps)) os::FutexWaitFor_ns(missing_, asleep, longest_ns);
  missing_.FetchAnd(~kSleeps);
  return has_changed();
}

void Handshake::LosePatience() {
  if (patience_ns_ < kMostPatience_ns) patience_ns_ *= 2;
  complains_ = !has_complained_ && os::MonotonicNow_ns() - asked_ns_ > kComplain_ns;
  has_complained_ = has_complained_ || complains_;
}

bool Handshake::HasAnswered(Mutator& target) const {
  return target.request.LoadAcquire() != this || IsHeld(target) || TryClaim(target);
}

void Handshake::Signal(Mutator& target) {
  if (HasAnswered(target)) return;
  // Where it is refused (the queue of real-time signals is full) the thread may still answer by
  // itself, and is reminded.
  if (target.registry->Signal(target) == os::Sent::kNoSuchThread) target.registry->NoteDead(target);
}

void Handshake::Remind(Mutator& target) {
  if (complains_ && !HasAnswered(target)) Complain(target);
  Signal(target);
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
  if (sleepers.LoadSequential() != 0) os::FutexWakeAll(releases);
}

void Handshake::ResetInChild(const Mutator* self) {
  sleepers.StoreRelease(self != nullptr ? self->sleeps : 0);
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
    const Answer answer = AnswerAs(self, MutatorState::kStopped, MutatorState::kRunning);
    if (answer == Answer::kNone) continue;
    WaitWhileStopped(self, answer == Answer::kHeldShortly);
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
    if (AnswerAs(self, MutatorState::kHeld, MutatorState::kParked) != Answer::kNone) return;
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
