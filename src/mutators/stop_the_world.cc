// SPDX-License-Identifier: MIT
#include "mutators/stop_the_world.h"

#include "mutators/blocking_region.h"

namespace spanheap {

StopTheWorld::StopTheWorld(MutatorRegistry& registry) : registry_(registry) {
  registry_.StopWorld(SPANHEAP_CALLER_FRAME());
}

StopTheWorld::~StopTheWorld() { registry_.StartWorld(); }

StoppedThread::StoppedThread(Mutator& target) : target_(target) {
  Handshake::Reserve(target);
  handshake_.Ask(target);
  handshake_.AwaitAll(&target, false);
}

StoppedThread::~StoppedThread() {
  Handshake::Release(target_);
  Handshake::WakeReleased();
}

}  // namespace spanheap
