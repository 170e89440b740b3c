// SPDX-License-Identifier: MIT
#include "mutators/user_stacks.h"

#include "base/fatal.h"
#include "mutators/barrier.h"
#include "mutators/handshake.h"
#include "mutators/pieces.h"
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

StackRecord* UserStacks::Register(os::StackBounds bounds) {
  StackRecord* stack = nullptr;
  do {
    stack = TakeUnused();
  } while (stack == nullptr && Grow());
  if (stack == nullptr) return nullptr;
  const StopDelay delay;
  MutexLock lock(mutex_);
  stack->bounds = bounds;
  stack->scanned_epoch = epoch_;  // nothing is on it
  LinkLocked(*stack);
  return stack;
}

StackRecord* UserStacks::TakeUnused() {
  const StopDelay delay;
  MutexLock lock(mutex_);
  StackRecord* const stack = unused_;
  if (stack != nullptr) unused_ = stack->next;
  return stack;
}

bool UserStacks::Grow() {
  auto* const stacks = NewPiece<StackRecord>(kPiece, "spanheap-stacks");
  if (stacks == nullptr) return false;
  const StopDelay delay;
  MutexLock lock(mutex_);
  for (size_t i = 0; i < kPiece.value / sizeof(StackRecord); ++i) {
    stacks[i].next = unused_;
    unused_ = &stacks[i];
  }
  return true;
}

void UserStacks::ScanByBarrierLocked(Mutator& self, StackRecord& stack) {
  if (epoch_ == 0 || stack.scanned_epoch == epoch_) return;
  WordRanges words;
  stack.AddTo(words);
  ShadeByBarrier(self, words);
  stack.scanned_epoch = epoch_;
}

// The record stays one: a thread that once ran there may still look at it.
void UserStacks::Unregister(Mutator& self, StackRecord& stack) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  if (stack.runner != nullptr) FatalStackInUse("sh_gc_stack_unregister", AddressOf(&stack));
  if (!stack.is_listed) FatalNoSuchStack("sh_gc_stack_unregister", AddressOf(&stack));
  ScanByBarrierLocked(self, stack);
  UnlinkLocked(stack);
  stack.bounds = {};
  stack.stack_pointer = 0;
  stack.frames.count = 0;
  stack.next = unused_;
  unused_ = &stack;
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
  if (to.runner != nullptr) FatalStackInUse("sh_gc_stack_switch", AddressOf(&to));
  if (!to.is_listed) FatalNoSuchStack("sh_gc_stack_switch", AddressOf(&to));
  from.stack_pointer = reinterpret_cast<uintptr_t>(frame);
  from.scanned_epoch = self.scanned_epoch;
  from.runner = nullptr;
  if (!from.is_listed) LinkLocked(from);  // the thread's own, for the first time
  ScanByBarrierLocked(self, to);
  to.runner = &self;
  self.previous_stack = &from;
  self.current_stack = &to;
}

void UserStacks::BeginEpoch(uint64_t epoch) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  epoch_ = epoch;
}

void UserStacks::EndEpoch() { BeginEpoch(0); }

bool UserStacks::ScanNext(ShadeWords shade, void* argument, uint64_t& bytes) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  for (StackRecord* stack = first_; stack != nullptr; stack = stack->next) {
    if (stack->runner != nullptr || stack->scanned_epoch == epoch_) continue;
    WordRanges words;
    stack->AddTo(words);
    shade(words, argument);
    bytes += words.total_words() * sizeof(uintptr_t);
    stack->scanned_epoch = epoch_;
    return true;
  }
  return false;
}

uint64_t UserStacks::UnscannedBytes() {
  const StopDelay delay;
  MutexLock lock(mutex_);
  uint64_t bytes = 0;
  for (const StackRecord* stack = first_; stack != nullptr; stack = stack->next) {
    if (stack->runner != nullptr || stack->scanned_epoch == epoch_) continue;
    WordRanges words;
    stack->AddTo(words);
    bytes += words.total_words() * sizeof(uintptr_t);
  }
  return bytes;
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
