// SPDX-License-Identifier: MIT
#include "mutators/blocking_region.h"

#include "base/fatal.h"

namespace spanheap {

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
  if (self.blocking_depth == 0) FatalNotBlocking("sh_gc_blocking_end");
  if (--self.blocking_depth == 0) Unpark(self);
}

void EndAllBlocking(Mutator& self) {
  if (self.blocking_depth == 0) return;
  self.blocking_depth = 0;
  Unpark(self);
}

}  // namespace spanheap
