// SPDX-License-Identifier: MIT
#include "sync/core_section.h"

#include "os/futex.h"

namespace spanheap {

void CoreGate::Open() {
  closed_.StoreSequential(0);
  os::FutexWakeAll(closed_);
}

void CoreGate::AwaitOutside(const ThreadState& thread) const {
  while (thread.section_depth.LoadSequential() != 0) os::YieldThread();
}

void CoreGate::AwaitOpen() {
  while (is_closed()) os::FutexWait(closed_, 1);
}

}  // namespace spanheap
