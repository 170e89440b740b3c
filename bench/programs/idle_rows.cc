// SPDX-License-Identifier: MIT
//
// idle: 200 threads that have used the heap and now wait. Resident KiB per thread, its stack
// included, while they wait (idle.waiting) and after they have exited (idle.left).
#include <cstdlib>

#include "bench/harness/resident.h"
#include "bench/harness/threads.h"
#include "bench/programs/program_rows.h"

namespace spanheap::bench {
namespace {

constexpr int kThreads = 200;
constexpr int kBlocksPerSize = 4;
constexpr std::size_t kSizes[] = {16, 32, 64, 100, 128, 256, 512, 1024, 2048, 4096, 8192};

class Waiters {
 public:
  // Resident bytes per thread while all wait, and after all have exited.
  struct Cost {
    double waiting;
    double left;
  };

  Cost Run() {
    const std::uint64_t before = ResidentBytes();
    pthread_mutex_lock(&gate_);
    for (pthread_t& thread : threads_) thread = StartThread(Wait, this);
    for (Backoff backoff; ready_.load() < kThreads;) backoff.Wait();
    const std::uint64_t waiting = ResidentBytes();
    pthread_mutex_unlock(&gate_);
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
    return {PerThread(before, waiting), PerThread(before, ResidentBytes())};
  }

 private:
  static double PerThread(std::uint64_t before, std::uint64_t after) {
    return (static_cast<double>(after) - static_cast<double>(before)) / 1024 / kThreads;
  }

  static void UseHeap() {
    void* blocks[kBlocksPerSize];
    for (const std::size_t size : kSizes) {
      for (void*& block : blocks) {
        block = std::malloc(size);
        *static_cast<std::uint64_t*>(block) = size;
      }
      for (void* block : blocks) std::free(block);
    }
  }

  static void* Wait(void* argument) {
    auto& waiters = *static_cast<Waiters*>(argument);
    UseHeap();
    waiters.ready_.fetch_add(1);
    pthread_mutex_lock(&waiters.gate_);
    pthread_mutex_unlock(&waiters.gate_);
    return nullptr;
  }

  pthread_mutex_t gate_ = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<int> ready_{0};
  pthread_t threads_[kThreads] = {};
};

Sample Waiting(const Row&, const Plan&) {
  Waiters waiters;
  return {waiters.Run().waiting, 0};
}

Sample Left(const Row&, const Plan&) {
  Waiters waiters;
  return {waiters.Run().left, 0};
}

constexpr Row kRows[] = {
    {.name = "idle.waiting",
     .measure = Waiting,
     .threads = kThreads,
     .kind = Kind::kMemory,
     .unit = "KiB"},
    {.name = "idle.left",
     .measure = Left,
     .threads = kThreads,
     .kind = Kind::kMemory,
     .unit = "KiB"},
};

}  // namespace

std::span<const Row> IdleRows() { return kRows; }

}  // namespace spanheap::bench
