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

// The longest single malloc-free pair of another thread, until it is told to stop. It begins with a
// pair of each size class, so that its caches are full before a scene reads its base.
struct Watch {
  static constexpr std::size_t kLeast = 16;
  static constexpr std::size_t kMost = 100'000;
  std::atomic<bool> stop{false};
  double longest_ms = 0;

  static double Now_ms() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
  }
  static void Pair(std::size_t size) {
    void* block = std::malloc(size);
    *static_cast<volatile char*>(block) = 1;
    std::free(block);
  }
  static void* Run(void* argument) {
    auto& watch = *static_cast<Watch*>(argument);
    for (std::size_t size = kLeast; size <= kMost; size += 16 + size / 32) {
      Pair(size);
    }
    Random random(3);
    while (!watch.stop.load(std::memory_order_relaxed)) {
      const double start = Now_ms();
      Pair(random.Between(kLeast, kMost));
      const double took = Now_ms() - start;
      watch.longest_ms = took > watch.longest_ms ? took : watch.longest_ms;
      timespec little{0, 20'000};
      nanosleep(&little, nullptr);
    }
    return nullptr;
  }
};

}  // namespace spanheap::bench
