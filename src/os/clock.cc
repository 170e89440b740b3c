// SPDX-License-Identifier: MIT
#include "os/clock.h"

#include <ctime>

namespace spanheap::os {

uint64_t MonotonicNow_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail for this clock
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace spanheap::os
