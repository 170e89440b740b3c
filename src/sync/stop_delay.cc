// SPDX-License-Identifier: MIT
#include "sync/stop_delay.h"

#include "base/platform.h"

namespace spanheap {
namespace {

SPANHEAP_TOUCHED_AT_START constinit Atomic<void (*)()> stop_hook{nullptr};

}  // namespace

constinit thread_local StopState this_stop{};

void StopDelay::SetHook(void (*stop)()) { stop_hook.StoreRelease(stop); }

void StopDelay::ObeySlow() {
  if (is_open()) return;              // the outermost end obeys
  this_stop.pending.StoreRelaxed(0);  // relaxed: this thread's own
  if (auto* stop = stop_hook.LoadAcquire()) stop();
}

}  // namespace spanheap
