// SPDX-License-Identifier: MIT
//
// Time that never goes back, in nanoseconds since some fixed point.
#pragma once

#include <cstdint>

namespace spanheap::os {

uint64_t MonotonicNow_ns();

}  // namespace spanheap::os
