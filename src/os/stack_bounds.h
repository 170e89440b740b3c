// SPDX-License-Identifier: MIT
//
// Where the calling thread's stack lies.
//
// Idea.    libc knows it, also in a forked child whose only thread was not the first one of its
//          parent, and also while the thread runs on another stack, a coroutine's. The first
//          thread's stack grows on demand, and libc says how far by the limit as it is now: where
//          that is not enough, it is the mapping that holds the stack's high end; and 1 GiB at most
//          where there is no limit.
// Cost.    A microsecond; for the first thread, a walk through /proc/self/maps.
// Threads. Any; allocates (libc does), so outside of core sections. errno is preserved.
// Tests.   Where they are used: tests/mutators/hiding_places_test.cc.
#pragma once

#include "base/units.h"

namespace spanheap::os {

struct StackBounds {
  Address low;   // 0 with a high of 0: unknown
  Address high;  // the first address above

  bool Holds(uintptr_t address) const { return low.value <= address && address < high.value; }
};

StackBounds CallingThreadStack();

// The part of a stack that exists: it grows downwards, so all mapped pages lie at its high end.
// Async-signal-safe; a few system calls.
Address LowestMapped(const StackBounds& stack);
// The end of the pages at its low end that can be read: what lies above a stack nobody told us of
// may be the guard of another.
Address HighestReadable(const StackBounds& stack);

}  // namespace spanheap::os
