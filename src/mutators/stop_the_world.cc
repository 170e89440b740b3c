// SPDX-License-Identifier: MIT
#include "mutators/stop_the_world.h"

#include "mutators/blocking_region.h"

namespace spanheap {

StopTheWorld::StopTheWorld(MutatorRegistry& registry) : registry_(registry) {
  registry_.StopWorld(SPANHEAP_CALLER_FRAME());
}

StopTheWorld::~StopTheWorld() { registry_.StartWorld(); }

}  // namespace spanheap
