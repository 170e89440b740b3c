// SPDX-License-Identifier: MIT
#include "mutators/user_stacks.h"

#include "base/fatal.h"
#include "mutators/barrier.h"
#include "mutators/handshake.h"
#include "mutators/pieces.h"
#include "sync/stop_delay.h"

namespace spanheap {

void UserStacks::LinkLocked(StackRecord& stack) {
  const bool is_last = IsScannedLocked(stack);
  stack.previous = is_last ? last_ : nullptr;
  stack.next = is_last ? nullptr : first_;
  (stack.previous != nullptr ? stack.previous->next : first_) = &stack;
  (stack.next != nullptr ? stack.next->previous : last_) = &stack;
  stack.is_listed = true;
}

void UserStacks::UnlinkLocked(StackRecord& stack) {
  (stack.previous != nullptr ? stack.previous->next : first_) = stack.next;
  (stack.next != nullptr ? stack.next->previous : last_) = stack.previous;
  stack.next = stack.previous = nullptr;
  stack.is_listed = false;
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

void UserStacks::DropLocked(Mutator& mutator) {
  if (mutator.own_stack.is_listed) UnlinkLocked(mutator.own_stack);
  StackRecord& stack = *mutator.current_stack;
  if (stack.runner != &mutator) return;  // it was about to detach, and had left
  stack.runner = nullptr;
  stack.stack_pointer = 0;
  stack.frames.count = 0;
  if (&stack == &mutator.own_stack) return;
  stack.scanned_epoch = epoch_;  // nothing is on it
  LinkLocked(stack);
}

void UserStacks::Leave(Mutator& self) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  DropLocked(self);
}

void UserStacks::Forget(Mutator& gone) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  DropLocked(gone);
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
  LinkLocked(from);
  ScanByBarrierLocked(self, to);
  UnlinkLocked(to);
  to.runner = &self;
  self.previous_stack = &from;
  self.current_stack = &to;
}

bool UserStacks::Holds(uintptr_t address) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  const StackRecord* stack = first_;
  while (stack != nullptr && !stack->bounds.Holds(address)) stack = stack->next;
  return stack != nullptr;
}

bool UserStacks::HasOn(const Mutator& mutator, uintptr_t address) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  return mutator.own_stack.bounds.Holds(address) || mutator.current_stack->bounds.Holds(address);
}

// No stack is scanned in an epoch that begins, so any order is right.
void UserStacks::BeginEpoch(uint64_t epoch) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  epoch_ = epoch;
}

void UserStacks::EndEpoch() { BeginEpoch(0); }

bool UserStacks::ScanNext(ShadeWords shade, void* argument, uint64_t& bytes) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  StackRecord* const stack = first_;
  if (stack == nullptr) return false;
  looks_.AddOwned(1);
  if (IsScannedLocked(*stack)) return false;
  WordRanges words;
  stack->AddTo(words);
  shade(words, argument);
  bytes += words.total_words() * sizeof(uintptr_t);
  UnlinkLocked(*stack);
  stack->scanned_epoch = epoch_;
  LinkLocked(*stack);
  return true;
}

uint64_t UserStacks::UnscannedWork(uint64_t most) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  uint64_t work = 0;
  for (const StackRecord* stack = first_; stack != nullptr && work <= most; stack = stack->next) {
    looks_.AddOwned(1);
    if (IsScannedLocked(*stack)) break;
    WordRanges words;
    stack->AddTo(words);
    work += words.total_words() * sizeof(uintptr_t) + kBytesPerStack;
  }
  return work;
}

}  // namespace spanheap
