// SPDX-License-Identifier: MIT
//
// A thread that allocates and frees beside a scene, and how long it was held up.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdlib>

#include "bench/harness/random.h"
#include "bench/harness/threads.h"

namespace spanheap::bench {

// The longest single malloc-free pair of another thread, until it is told to stop.
struct Watch {
  std::atomic<bool> stop{false};
  double longest_ms = 0;

  static double Now_ms() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
  }
  static void* Run(void* argument) {
    auto& watch = *static_cast<Watch*>(argument);
    Random random(3);
    while (!watch.stop.load(std::memory_order_relaxed)) {
      const double start = Now_ms();
      void* block = std::malloc(random.Between(16, 100'000));
      *static_cast<volatile char*>(block) = 1;
      std::free(block);
      const double took = Now_ms() - start;
      watch.longest_ms = took > watch.longest_ms ? took : watch.longest_ms;
      timespec little{0, 20'000};
      nanosleep(&little, nullptr);
    }
    return nullptr;
  }
};

}  // namespace spanheap::bench
