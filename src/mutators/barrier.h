// SPDX-License-Identifier: MIT
//
// The switch of the write barrier, for the collector.
#pragma once

#include "mutators/mutator.h"

namespace spanheap {

// While the world is stopped.
void SetBarrier(bool on);
bool IsBarrierOn();
// What attaches a thread at its first store while the barrier is on; null if it cannot be.
void SetAdoptHook(Mutator* (*adopt)());

}  // namespace spanheap
