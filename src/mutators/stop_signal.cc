// SPDX-License-Identifier: MIT
#include "mutators/stop_signal.h"

#include "base/platform.h"
#include "mutators/handshake.h"
#include "mutators/mutator_registry.h"
#include "mutators/store_ranges.h"
#include "os/keep_errno.h"
#include "os/signals.h"
#include "os/thread_context.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

void StopWithRegisters(void* argument, uintptr_t stack_pointer) {
  StopHere(*static_cast<Mutator*>(argument), nullptr, stack_pointer);
}

void StopInHandler(Mutator& self, void* context) {
  if constexpr (kHandlersComeLate) {
    os::CallWithRegistersOnStack(&StopWithRegisters, &self);
  } else {
    StopHere(self, context, 0);
  }
}

}  // namespace

void HandleStopSignal(int signal, siginfo_t* info, void* context) {
  const os::KeepErrno keep;
  Mutator* const self = this_mutator;
  if (self == nullptr) return;
  os::SetProgramCounter(context, RestartAddress(os::ProgramCounter(context)));
  if (StopDelay::is_open()) {
    this_stop.pending.StoreRelaxed(1);  // relaxed: read by this thread
  } else {
    StopInHandler(*self, context);
  }
  const MutatorRegistry& registry = *self->registry;
  if (!registry.HasOurMark(*info)) {
    os::ForwardSignal(registry.previous_action(), signal, info, context);
  }
}

// As in the handler no other signal is taken meanwhile: a handler of the program's that forks,
// waits or leaves in the middle of a stop would keep others waiting. A request after the look comes
// with a signal of its own.
void StopAtEndOfDelay() {
  const os::KeepErrno keep;
  Mutator* const self = this_mutator;
  if (self == nullptr || self->request.LoadSequential() == nullptr) return;
  const os::SignalsBlocked deaf(os::Faults::kNot);
  os::CallWithRegistersOnStack(&StopWithRegisters, self);
}

void AnswerPoll() {
  if (!StopDelay::is_open()) StopAtEndOfDelay();
}

}  // namespace spanheap
