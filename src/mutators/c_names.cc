// SPDX-License-Identifier: MIT
//
// Names of spanheap/gc_c.h that are this room's alone: blocking regions, stacks of fibers, ranges.
// Each attaches the calling thread if need be.
#include <cerrno>

#include "base/check.h"
#include "base/fatal.h"
#include "mutators/barrier.h"
#include "mutators/blocking_region.h"
#include "mutators/mutator_registry.h"
#include "spanheap/gc_c.h"

using spanheap::AddressOf;
using spanheap::Mutator;
using spanheap::SelfOrAdopt;
using spanheap::StackRecord;

#define SPANHEAP_EXPORT extern "C" __attribute__((visibility("default"), noinline))

namespace {

StackRecord* Record(sh_gc_stack* stack) { return reinterpret_cast<StackRecord*>(stack); }
sh_gc_stack* Handle(StackRecord* stack) { return reinterpret_cast<sh_gc_stack*>(stack); }

}  // namespace

SPANHEAP_EXPORT void sh_gc_blocking_begin() noexcept {
  Mutator* const self = SelfOrAdopt();
  if (self != nullptr) spanheap::BeginNestedBlocking(*self, SPANHEAP_CALLER_FRAME());
}

SPANHEAP_EXPORT void sh_gc_blocking_end() noexcept {
  Mutator* const self = spanheap::this_mutator;
  if (self != nullptr) spanheap::EndNestedBlocking(*self);
}

SPANHEAP_EXPORT sh_gc_stack* sh_gc_stack_register(void* low, void* high) noexcept {
  if (low == nullptr || AddressOf(low) >= AddressOf(high)) {
    errno = EINVAL;
    return nullptr;
  }
  Mutator* const self = SelfOrAdopt();
  StackRecord* const stack =
      self == nullptr ? nullptr
                      : self->registry->stacks().Register({AddressOf(low), AddressOf(high)});
  if (stack == nullptr) errno = ENOMEM;
  return Handle(stack);
}

SPANHEAP_EXPORT void sh_gc_stack_unregister(sh_gc_stack* stack) noexcept {
  Mutator* const self = SelfOrAdopt();
  if (self != nullptr && stack != nullptr)
    self->registry->stacks().Unregister(*self, *Record(stack));
}

SPANHEAP_EXPORT sh_gc_stack* sh_gc_stack_current() noexcept {
  Mutator* const self = SelfOrAdopt();
  return self == nullptr ? nullptr : Handle(self->current_stack);
}

SPANHEAP_EXPORT void sh_gc_stack_switch(sh_gc_stack* to) noexcept {
  Mutator* const self = SelfOrAdopt();
  SPANHEAP_CHECK(self != nullptr && "a thread that switches stacks is attached");
  self->registry->stacks().Switch(*self, *Record(to), SPANHEAP_CALLER_FRAME());
}

SPANHEAP_EXPORT int sh_gc_add_range(void* low, void* high) noexcept {
  Mutator* const self = SelfOrAdopt();
  if (self != nullptr && self->registry->ranges().Add(AddressOf(low).value, AddressOf(high).value))
    return 0;
  errno = ENOMEM;
  return -1;
}

SPANHEAP_EXPORT void sh_gc_remove_range(void* low, void* high) noexcept {
  Mutator* const self = SelfOrAdopt();
  if (self == nullptr) return;
  const bool was_there =
      self->registry->ranges().Remove(AddressOf(low).value, AddressOf(high).value, self);
  if (!was_there) spanheap::FatalNoSuchRange("sh_gc_remove_range", AddressOf(low));
}
