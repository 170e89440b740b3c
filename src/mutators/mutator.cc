// SPDX-License-Identifier: MIT
#include "mutators/mutator.h"

#include "mutators/mutator_registry.h"
#include "os/thread_context.h"

namespace spanheap {
namespace {

// On a stack nobody told us of: how far up we look for its end, which may not be seen: the stack of
// another may lie right above.
constexpr uintptr_t kUnknownReach = 256 << 10;

}  // namespace

constinit thread_local Mutator* this_mutator = nullptr;

const StackRecord* Mutator::StackThatHolds(uintptr_t address) const {
  for (const StackRecord* stack : {static_cast<const StackRecord*>(current_stack),
                                   static_cast<const StackRecord*>(previous_stack), &own_stack}) {
    if (stack != nullptr && stack->bounds.Holds(address)) return stack;
  }
  return nullptr;
}

// Where the thread is about to switch, what waits on the other side is its, too.
void Mutator::AddStackFrom(WordRanges& words, uintptr_t start, const StackRecord& stack) const {
  words.Add(start, stack.bounds.high.value);
  if (&stack != current_stack) current_stack->AddTo(words);
}

// The thread was in a handler on its alternate stack, [low, high) of it in use; where that
// handler's signal came in, its proper stack begins. If the frame is not to be found, all of the
// stack counts.
void Mutator::AddInterruptedStack(WordRanges& words, uintptr_t low, uintptr_t high) const {
  const uintptr_t return_code = registry->signal_return_code();
  while (const void* older = os::FindContext(low, high, return_code)) {
    const uintptr_t start = os::StackStart(older);
    if (const StackRecord* stack = StackThatHolds(start)) {
      return AddStackFrom(words, start, *stack);
    }
    low = reinterpret_cast<uintptr_t>(older);
  }
  words.Add(os::LowestMapped(current_stack->bounds).value, current_stack->bounds.high.value);
}

WordRanges Mutator::Words() const {
  WordRanges words;
  if (is_dead.LoadAcquire()) return words;
  uintptr_t start = stack_pointer;
  os::AlternateStack alternate;
  if (context != nullptr) {
    start = os::StackStart(context);
    alternate = os::AlternateStackOf(context);
    words.Add(os::GeneralRegisters(context));
    words.Add(os::VectorRegisters(context));
  }
  frames.AddTo(words);
  // This first: it may be part of a stack.
  if (alternate.low.value <= start && start < alternate.high.value) {
    words.Add(start, alternate.high.value);
    AddInterruptedStack(words, start, alternate.high.value);
  } else if (const StackRecord* stack = StackThatHolds(start)) {
    AddStackFrom(words, start, *stack);
  } else {
    const os::StackBounds unknown{Address(start), Address(start + kUnknownReach)};
    words.Add(start, os::HighestReadable(unknown).value);
    words.Add(os::LowestMapped(own_stack.bounds).value, own_stack.bounds.high.value);
    if (current_stack != &own_stack) {  // a fiber called whoever made that stack
      words.Add(os::LowestMapped(current_stack->bounds).value, current_stack->bounds.high.value);
    }
  }
  return words;
}

}  // namespace spanheap
