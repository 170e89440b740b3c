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
#include "mutators/store_ranges.h"
#include "os/futex.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

using detail::StorePointer;

void* Value(uintptr_t n) { return reinterpret_cast<void*>(n << 4); }

// A thread that stores 1, 2, 3, ... into one slot as fast as it can.
struct Storer {
  alignas(64) void* slot = nullptr;
  Atomic<bool> stop;
  Atomic<Mutator*> record;

  void Run() {
    Attached attached;
    record.StoreRelease(&attached.record());
    for (uintptr_t n = 1; !stop.LoadAcquire(); ++n) {
      StorePointer(&slot, Value(n));
    }
  }
  uintptr_t stored() const { return reinterpret_cast<uintptr_t>(detail::LoadPointer(&slot)) >> 4; }
  uint64_t remembered() const {
    return flushed_pairs.LoadAcquire() + record.LoadAcquire()->barrier.count / 2;
  }
};

// Turns the barrier on and off again; what was stored while it was on must have been remembered.
uint64_t StoresLostInOnePhase(Storer& storer) {
  uintptr_t stored = 0;
  uint64_t remembered = 0;
  {
    const StopTheWorld stopped(TestRegistry());
    SetBarrier(true);
    stored = storer.stored();
    remembered = storer.remembered();
  }
  for (int i = 0; i < 20; ++i) os::SpinHint();
  const StopTheWorld stopped(TestRegistry());
  SetBarrier(false);
  return (storer.stored() - stored) - (storer.remembered() - remembered);
}

TEST(StoreSequenceTest, NoStoreIsLostWhileTheBarrierIsTurnedOnAndOff) {
  Storer storer;
  std::thread thread([&] { storer.Run(); });
  while (storer.record.LoadAcquire() == nullptr) os::YieldThread();
  uint64_t lost = 0;
  for (int i = 0; i < 500; ++i) lost += StoresLostInOnePhase(storer);
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
  bool was_stored = false;
  bool was_inside = false;
} step;

// Before each instruction: at the chosen one the barrier goes on, and the stop signal comes as soon
// as this handler returns, with the thread exactly there.
void OnTrap(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (step.count++ != step.deliver) return;
  step.was_stored = *step.slot != nullptr;
  const auto here = static_cast<uintptr_t>(registers[REG_RIP]);
  step.was_inside = RestartAddress(here) != here;
  SetBarrier(true);
  registers[REG_EFL] &= ~kTrapFlag;
  os::SendSignal(static_cast<uint32_t>(syscall(SYS_gettid)), TestRegistry().signal(),
                 &TestRegistry());
}

[[gnu::noinline]] void StoreStepwise(void** slot, void* value) {
  asm volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
  StorePointer(slot, value);
  asm volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}

TEST(StoreSequenceTest, AStopBeforeAnyInstructionLetsNoStorePassUnseen) {
  Attached attached;
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_sigaction = OnTrap;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);  // the stop comes when this handler returns, not within it
  ASSERT_EQ(sigaction(SIGTRAP, &action, &before), 0);
  int inside = 0;
  for (int deliver = 0;; ++deliver) {
    void* slot = nullptr;
    step = {0, deliver, &slot, false, false};
    attached.record().barrier.count = 0;
    StoreStepwise(&slot, Value(1));
    SetBarrier(false);
    ASSERT_EQ(slot, Value(1));
    if (step.count <= deliver) break;  // the whole sequence went by
    if (!step.was_stored) {
      EXPECT_EQ(attached.record().barrier.count, 2U) << "stopped before instruction " << deliver;
      EXPECT_EQ(attached.record().barrier.entries[1], Value(1));
    }
    inside += step.was_inside ? 1 : 0;
  }
  EXPECT_EQ(inside, 2) << "the branch and the store";
  attached.record().barrier.count = 0;
  sigaction(SIGTRAP, &before, nullptr);
}

#endif

}  // namespace
}  // namespace spanheap
