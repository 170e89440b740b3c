// SPDX-License-Identifier: MIT
#include "mutators/user_stacks.h"

#include "base/check.h"
#include "mutators/handshake.h"
#include "sync/stop_delay.h"

namespace spanheap {

void UserStacks::LinkLocked(StackRecord& stack) {
  stack.previous = nullptr;
  stack.next = first_;
  if (first_ != nullptr) first_->previous = &stack;
  first_ = &stack;
  stack.is_listed = true;
  count_.AddOwned(1);  // under the lock
}

void UserStacks::UnlinkLocked(StackRecord& stack) {
  (stack.previous != nullptr ? stack.previous->next : first_) = stack.next;
  if (stack.next != nullptr) stack.next->previous = stack.previous;
  stack.is_listed = false;
  count_.AddOwned(-1U);
}

void UserStacks::Add(StackRecord& stack) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  stack.scanned_epoch = epoch_;  // nothing is on it
  LinkLocked(stack);
}

void UserStacks::Remove(StackRecord& stack) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  SPANHEAP_CHECK(stack.runner == nullptr && "nobody runs on a stack that is removed");
  UnlinkLocked(stack);
}

void UserStacks::Leave(Mutator& self) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  self.current_stack->runner = nullptr;
  self.current_stack->stack_pointer = 0;
  if (self.own_stack.is_listed) UnlinkLocked(self.own_stack);
}

void UserStacks::Switch(Mutator& self, StackRecord& to, const void* frame) {
  const StopDelay delay;
  StackRecord& from = *self.current_stack;
  if (&from == &to) return;
  SaveFramesBelow(frame, from.frames);
  MutexLock lock(mutex_);
  SPANHEAP_CHECK(to.runner == nullptr && "a stack is continued by one thread at a time");
  from.stack_pointer = reinterpret_cast<uintptr_t>(frame);
  from.scanned_epoch = self.scanned_epoch;
  from.runner = nullptr;
  if (!from.is_listed) LinkLocked(from);  // the thread's own, for the first time
  if (epoch_ != 0 && to.scanned_epoch != epoch_) {
    uint64_t bytes = 0;
    ShadeStack(to, shade_, argument_, bytes);
    to.scanned_epoch = epoch_;
  }
  to.runner = &self;
  self.previous_stack = &from;
  self.current_stack = &to;
}

void UserStacks::BeginEpoch(uint64_t epoch, ShadeWords shade, void* argument) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  epoch_ = epoch;
  shade_ = shade;
  argument_ = argument;
}

void UserStacks::EndEpoch() { BeginEpoch(0, nullptr, nullptr); }

void UserStacks::ShadeStack(const StackRecord& stack, ShadeWords shade, void* argument,
                            uint64_t& bytes) {
  WordRanges words;
  stack.AddTo(words);
  shade(words, argument);
  bytes += words.total_words() * sizeof(uintptr_t);
}

bool UserStacks::ScanNext(ShadeWords shade, void* argument, uint64_t& bytes) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  for (StackRecord* stack = first_; stack != nullptr; stack = stack->next) {
    if (stack->runner != nullptr || stack->scanned_epoch == epoch_) continue;
    ShadeStack(*stack, shade, argument, bytes);
    stack->scanned_epoch = epoch_;
    return true;
  }
  return false;
}

void UserStacks::ForgetRunners(const Mutator* but) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  for (StackRecord* stack = first_; stack != nullptr; stack = stack->next) {
    if (stack->runner == nullptr || stack->runner == but) continue;
    stack->runner = nullptr;
    stack->stack_pointer = 0;  // what was there belonged to a thread that is gone
    stack->frames.count = 0;
  }
}

}  // namespace spanheap
