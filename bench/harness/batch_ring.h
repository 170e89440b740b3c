// SPDX-License-Identifier: MIT
//
// BatchRing: hands batches of pointers from one thread to one other, waiting politely when full or
// empty.
//
// States. `tail - head` batches are waiting. The producer owns slot tail % kSlots until it
// publishes tail + 1 (release);
//         the consumer owns slot head % kSlots until it publishes head + 1. Lives in zeroed memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bench/harness/threads.h"

namespace spanheap::bench {

class BatchRing {
 public:
  static constexpr std::size_t kBatch = 64;
  struct Batch {
    void* items[kBatch];
  };

  Batch& WaitForRoom() {
    const std::uint64_t tail =
        tail_.load(std::memory_order_relaxed);  // only the producer writes it
    for (Backoff backoff; tail - head_.load(std::memory_order_acquire) == kSlots;) backoff.Wait();
    return slots_[tail % kSlots];
  }
  void Publish() {
    tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  Batch& WaitForBatch() {
    const std::uint64_t head =
        head_.load(std::memory_order_relaxed);  // only the consumer writes it
    for (Backoff backoff; tail_.load(std::memory_order_acquire) == head;) backoff.Wait();
    return slots_[head % kSlots];
  }
  void Release() {
    head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  static constexpr std::size_t kSlots = 32;
  alignas(128) std::atomic<std::uint64_t> head_{0};
  alignas(128) std::atomic<std::uint64_t> tail_{0};
  alignas(128) Batch slots_[kSlots];
};

}  // namespace spanheap::bench
