// SPDX-License-Identifier: MIT
//
// Time that never goes back, in nanoseconds since some fixed point.
#pragma once

#include <cstdint>

namespace spanheap::os {

uint64_t MonotonicNow_ns();
// Processor time that all threads of the process have used.
uint64_t ProcessProcessorTime_ns();
// Processor time the calling thread has used.
uint64_t ThreadProcessorTime_ns();

}  // namespace spanheap::os
