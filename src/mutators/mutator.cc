// SPDX-License-Identifier: MIT
#include "mutators/mutator.h"

#include "os/thread_context.h"

namespace spanheap {

constinit thread_local Mutator* this_mutator = nullptr;

WordRanges Mutator::Words() const {
  WordRanges words;
  if (is_dead.LoadAcquire()) return words;
  uintptr_t start = stack_pointer;
  if (context != nullptr) {
    start = os::StackStart(context);
    words.Add(os::GeneralRegisters(context));
    words.Add(os::VectorRegisters(context));
  }
  const uintptr_t* saved = frames.words;
  words.Add({saved, saved + frames.count});
  words.Add(start, stack.high.value);
  return words;
}

}  // namespace spanheap
