// SPDX-License-Identifier: MIT
#include "mutators/blocking_region.h"

#include "base/check.h"
#include "os/thread_context.h"

namespace spanheap {
namespace {

struct Call {
  void (*function)(void*);
  void* argument;
};

void RunParked(void* argument, uintptr_t stack_pointer) {
  const Call& call = *static_cast<Call*>(argument);
  Mutator* const self = this_mutator;
  const bool parks = self != nullptr && self->state.LoadAcquire() == MutatorState::kRunning;
  if (parks) Park(*self, PointerTo(Address(stack_pointer)));
  call.function(call.argument);
  if (parks) Unpark(*self);
}

}  // namespace

bool BeginBlocking() {
  Mutator* const self = this_mutator;
  if (self == nullptr || self->state.LoadAcquire() != MutatorState::kRunning) return false;
  Park(*self, SPANHEAP_CALLER_FRAME());
  return true;
}

void EndBlocking(bool was_running) {
  if (was_running) Unpark(*this_mutator);
}

void BeginNestedBlocking(Mutator& self, const void* frame) {
  if (self.blocking_depth++ == 0) Park(self, frame);
}

void EndNestedBlocking(Mutator& self) {
  SPANHEAP_CHECK(self.blocking_depth != 0 && "a blocking region ends once");
  if (--self.blocking_depth == 0) Unpark(self);
}

void CallBlocking(void (*function)(void* argument), void* argument) {
  Call call{function, argument};
  os::CallWithRegistersOnStack(&RunParked, &call);
}

}  // namespace spanheap
