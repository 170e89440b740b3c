// SPDX-License-Identifier: MIT
//
// The stop sequence: whichever instruction of a stop made by hand the stop signal finds a thread
// at, each asker is answered, and nobody twice. What went wrong once: the thread took note of its
// asker, a signal answered that one in between, and the thread then counted down a handshake that
// was over, while the next asker waited for ever.
#include <gtest/gtest.h>
#include <signal.h>
#include <ucontext.h>

#include <thread>

#include "mutators/attached.h"
#include "mutators/blocking_region.h"
#include "mutators/handshake.h"
#include "os/futex.h"

#if defined(__x86_64__)

namespace spanheap {
namespace {

constexpr greg_t kTrapFlag = 0x100;
constexpr int kInstructions = 150;  // from the start of StopHere until it sleeps, and some more

struct Step {
  int count = 0;    // instructions since the trap flag was set
  int deliver = 0;  // the one before which the signal comes
} step;

void MaskStopSignal(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, TestRegistry().signal());
  pthread_sigmask(how, &signals, nullptr);
}

// The thread blocks the stop signal, so one is pending since the asker asked: it comes here.
void OnTrap(int, siginfo_t*, void* context) {
  if (step.count++ != step.deliver) return;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  MaskStopSignal(SIG_UNBLOCK);
  MaskStopSignal(SIG_BLOCK);
}

[[gnu::noinline]] void StopStepwise(Mutator& self) {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  asm volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
  StopHere(self, nullptr, here);
  asm volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}

// One stop, with the signal before instruction `deliver`, if it has so many.
void StopWithSignalBefore(int deliver, Mutator& self) {
  while (self.request.LoadAcquire() == nullptr) os::YieldThread();
  step.count = 0;
  step.deliver = deliver;
  StopStepwise(self);
}

TEST(StopSequenceTest, ASignalBeforeAnyInstructionLeavesNoAskerWaiting) {
  Attached attached;
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_sigaction = OnTrap;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, &before);
  Atomic<bool> stop;
  std::thread asker([&] {
    while (!stop.LoadAcquire()) const StopTheWorld stopped(TestRegistry());
  });
  MaskStopSignal(SIG_BLOCK);
  for (int deliver = 0; deliver < kInstructions; ++deliver) {
    StopWithSignalBefore(deliver, attached.record());
  }
  stop.StoreRelease(true);
  MaskStopSignal(SIG_UNBLOCK);
  {
    const BlockingRegion region;
    asker.join();
  }
  sigaction(SIGTRAP, &before, nullptr);
}

}  // namespace
}  // namespace spanheap

#endif
