// SPDX-License-Identifier: MIT
//
// The store sequence: whichever instruction a stop finds a thread at, no store that is made after
// the barrier was turned on goes unnoticed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <thread>

#include "mutators/attached.h"
#include "mutators/blocking_region.h"
#include "mutators/store_ranges.h"
#include "os/futex.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

using detail::StorePointer;

void* Value(uintptr_t n) { return reinterpret_cast<void*>(n << 4); }

// A thread that stores 2, 3, 4, ... over 1 into one slot as fast as it can.
struct Storer {
  alignas(64) void* slot = Value(1);
  Atomic<bool> stop;
  Atomic<Mutator*> record;

  void Run() {
    Attached attached;
    record.StoreRelease(&attached.record());
    for (uintptr_t n = 2; !stop.LoadAcquire(); ++n) {
      StorePointer(&slot, Value(n));
    }
  }
  void AwaitStores(uintptr_t more) const {
    const uintptr_t before = stored();
    while (stored() < before + more) os::SpinHint();
  }
  uintptr_t stored() const { return reinterpret_cast<uintptr_t>(detail::LoadPointer(&slot)) >> 4; }
  uint64_t remembered() const {
    return (flushed_words.LoadAcquire() + record.LoadAcquire()->barrier.count) / 2;
  }
};

// Turns the barrier on and off again; what was stored while it was on must have been remembered.
uint64_t StoresLostInOnePhase(Storer& storer) {
  uintptr_t stored = 0;
  uint64_t remembered = 0;
  {
    const StopTheWorld stopped(TestRegistry());
    TestRegistry().RestartInterruptedStores();
    SetBarrier(true);
    stored = storer.stored();
    remembered = storer.remembered();
  }
  storer.AwaitStores(3);
  uint64_t lost = 0;
  {
    const StopTheWorld stopped(TestRegistry());
    SetBarrier(false);
    lost = (storer.stored() - stored) - (storer.remembered() - remembered);
  }
  storer.AwaitStores(50);  // the next stop finds it anywhere
  return lost;
}

TEST(StoreSequenceTest, NoStoreIsLostWhileTheBarrierIsTurnedOnAndOff) {
  Storer storer;
  std::thread thread([&] { storer.Run(); });
  while (storer.record.LoadAcquire() == nullptr) os::YieldThread();
  uint64_t lost = 0;
  for (int i = 0; i < 150; ++i) lost += StoresLostInOnePhase(storer);
  storer.stop.StoreRelease(true);
  thread.join();
  EXPECT_EQ(lost, 0U);
}

// The same while the storer is interrupted by signals whose handler takes its time: most stops
// find it there.
void DawdleInHandler(int) {
  for (int i = 0; i < 300; ++i) os::SpinHint();
}

TEST(StoreSequenceTest, NoStoreIsLostThatAHandlerHasInterrupted) {
  struct sigaction action = {};
  action.sa_handler = DawdleInHandler;
  sigaction(SIGUSR2, &action, nullptr);
  Storer storer;
  std::thread thread([&] { storer.Run(); });
  while (storer.record.LoadAcquire() == nullptr) os::YieldThread();
  Atomic<bool> stop;
  std::thread signaller([&] {
    while (!stop.LoadAcquire()) {
      os::SendSignal(storer.record.LoadAcquire()->thread_id, SIGUSR2, nullptr);
      os::SleepFor_ns(5'000);
    }
  });
  uint64_t lost = 0;
  for (int i = 0; i < 100; ++i) lost += StoresLostInOnePhase(storer);
  stop.StoreRelease(true);
  signaller.join();
  storer.stop.StoreRelease(true);
  thread.join();
  EXPECT_EQ(lost, 0U);
}

#if defined(__x86_64__) && !defined(SH_PORTABLE_BARRIER)

constexpr greg_t kTrapFlag = 0x100;

struct Step {
  int count = 0;    // instructions since the trap flag was set
  int deliver = 0;  // the one before which the stop comes
  void** slot = nullptr;
  bool stops_handler = false;  // the stop finds the thread in the trap's handler
  Atomic<uint32_t> turn;       // 1: somebody else turns the barrier on; 2: done
  bool was_stored = false;
  bool was_inside = false;
} step;

// Before each instruction: at the chosen one the barrier goes on, and the stop signal comes as
// soon as this handler returns, with the thread exactly there.
void OnTrap(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (step.count++ != step.deliver) return;
  step.was_stored = *step.slot != nullptr;
  const auto here = static_cast<uintptr_t>(registers[REG_RIP]);
  step.was_inside = RestartAddress(here) != here;
  registers[REG_EFL] &= ~kTrapFlag;
  if (step.stops_handler) {
    step.turn.StoreRelease(1);
    while (step.turn.LoadAcquire() != 2) os::SpinHint();
    return;
  }
  SetBarrier(true);
  os::SendSignal(static_cast<uint32_t>(syscall(SYS_gettid)), TestRegistry().signal(),
                 &TestRegistry());
}

[[gnu::noinline]] void StoreStepwise(void** slot, void* value) {
  asm volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
  StorePointer(slot, value);
  asm volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}

struct sigaction SetTrapHandler(bool with_all_signals_blocked) {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_sigaction = OnTrap;
  action.sa_flags = SA_SIGINFO;
  if (with_all_signals_blocked) sigfillset(&action.sa_mask);
  sigaction(SIGTRAP, &action, &before);
  return before;
}

enum class Before { kNothing, kMarking, kNoting };

// One store, with the stop before instruction `deliver`; false: it has no more instructions. It
// begins without a barrier, or in a mark in which a store over null has nothing to remember, or
// where marks are kept and the store has nothing to note.
bool StoreWithStopBefore(int deliver, Mutator& self, Before before = Before::kNothing) {
  void* slot = nullptr;
  step.count = 0;
  step.deliver = deliver;
  step.slot = &slot;
  step.was_inside = step.was_stored = false;
  self.barrier.count = 0;
  SetBarrier(before == Before::kMarking);
  if (before == Before::kMarking) RememberWritten(false);
  if (before == Before::kNoting) SetNoting(PageNotes{});
  StoreStepwise(&slot, Value(1));
  const uint32_t remembered = self.barrier.count;
  self.barrier.count = 0;
  SetBarrier(false);
  EXPECT_EQ(slot, Value(1));
  if (step.count <= deliver) return false;
  if (!step.was_stored) {
    EXPECT_EQ(remembered, 1U) << "stopped before instruction " << deliver;
    EXPECT_EQ(self.barrier.entries[0], Value(1));
  }
  return true;
}

TEST(StoreSequenceTest, AStopBeforeAnyInstructionLetsNoStorePassUnseen) {
  Attached attached;
  step.stops_handler = false;
  const struct sigaction before = SetTrapHandler(true);  // the stop comes when it returns
  int inside = 0;
  for (int deliver = 0; StoreWithStopBefore(deliver, attached.record()); ++deliver) {
    inside += step.was_inside ? 1 : 0;
  }
  EXPECT_EQ(inside, 2) << "the branch and the store";
  sigaction(SIGTRAP, &before, nullptr);
}

void ExpectStopsInSlowHalf(Before what) {
  Attached attached;
  step.stops_handler = false;
  const struct sigaction before = SetTrapHandler(true);
  int inside = 0;
  for (int deliver = 0; StoreWithStopBefore(deliver, attached.record(), what); ++deliver) {
    inside += step.was_inside ? 1 : 0;
  }
  EXPECT_EQ(inside, 1 + 4) << "the branch to the slow half, and there all but the first";
  sigaction(SIGTRAP, &before, nullptr);
}

// The next mark begins there, in which all is to be remembered.
TEST(StoreSequenceTest, AStopInAStoreOverNullLetsItNotPassUnseen) {
  ExpectStopsInSlowHalf(Before::kMarking);
}

// A mark begins there, for which nothing has been noted since the store was looked at.
TEST(StoreSequenceTest, AStopInAStoreThatNeedsNoNoteLetsItNotPassUnseen) {
  ExpectStopsInSlowHalf(Before::kNoting);
}

TEST(StoreSequenceTest, AStopInAHandlerThatInterruptedTheSequenceLetsNoStorePassUnseen) {
  Attached attached;
  step.stops_handler = true;
  const struct sigaction before = SetTrapHandler(false);
  bool more = true;
  for (int deliver = 0; more; ++deliver) {
    step.turn.StoreRelease(0);
    std::thread turner([] {
      while (step.turn.LoadAcquire() != 1) os::YieldThread();
      {
        const StopTheWorld stopped(TestRegistry());
        TestRegistry().RestartInterruptedStores();
        SetBarrier(true);
      }
      step.turn.StoreRelease(2);
    });
    more = StoreWithStopBefore(deliver, attached.record());
    if (!more) step.turn.StoreRelease(1);
    const BlockingRegion region;
    turner.join();
    SetBarrier(false);
  }
  sigaction(SIGTRAP, &before, nullptr);
}

#endif

}  // namespace
}  // namespace spanheap
