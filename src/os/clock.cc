// SPDX-License-Identifier: MIT
#include "os/clock.h"

#include <ctime>

namespace spanheap::os {

namespace {

uint64_t Read_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);  // cannot fail for these clocks
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t MonotonicNow_ns() { return Read_ns(CLOCK_MONOTONIC); }
uint64_t ProcessProcessorTime_ns() { return Read_ns(CLOCK_PROCESS_CPUTIME_ID); }
uint64_t ThreadProcessorTime_ns() { return Read_ns(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace spanheap::os
