// SPDX-License-Identifier: MIT
//
// StopTheWorld: a scope in which no mutator runs.
//
// Threads. Any, outside of core sections. A mutator that stops others is parked meanwhile: others
//          may hold it, and two that stop each other do not wait for each other.
// Limits.  Parked threads are not stopped from doing what parked threads may do: waiting in system
//          calls, and marking. Who stops the world to end a phase keeps other markers out by
//          itself. Stopped threads may hold libc's locks: call nothing in the scope that takes
//          one.
// Cost.    One signal for each running thread that does not allocate, one wake-up for all.
#pragma once

#include "mutators/mutator_registry.h"

namespace spanheap {

class SCOPED_CAPABILITY StopTheWorld {
 public:
  SPANHEAP_NOINLINE explicit StopTheWorld(MutatorRegistry& registry) ACQUIRE(world_stopped);
  ~StopTheWorld() RELEASE();
  StopTheWorld(const StopTheWorld&) = delete;
  StopTheWorld& operator=(const StopTheWorld&) = delete;

 private:
  MutatorRegistry& registry_;
};

}  // namespace spanheap
