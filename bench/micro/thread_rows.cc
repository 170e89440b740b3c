// SPDX-License-Identifier: MIT
//
// Rows between threads: pc (one allocates, one frees, batches through a ring; one or two such
// pairs), swap (threads exchange blocks through shared slots) and churn (a thread starts, allocates
// 100 blocks, frees them and exits). One item is one block, or one thread.
#include <atomic>
#include <cstdlib>

#include "bench/harness/batch_ring.h"
#include "bench/harness/threads.h"
#include "bench/micro/micro_rows.h"

namespace spanheap::bench {
namespace {

template <class SizeAt>
void Produce(BatchRing& ring, std::uint64_t batches, SizeAt size_at) {
  std::uint64_t made = 0;
  for (std::uint64_t b = 0; b < batches; ++b) {
    BatchRing::Batch& batch = ring.WaitForRoom();
    for (void*& item : batch.items) {
      auto* block = static_cast<std::uint64_t*>(std::malloc(size_at(made++)));
      *block = made;
      item = block;
    }
    ring.Publish();
  }
}

void Consume(BatchRing& ring, std::uint64_t batches) {
  for (std::uint64_t b = 0; b < batches; ++b) {
    BatchRing::Batch& batch = ring.WaitForBatch();
    for (void* item : batch.items) {
      Escape(*static_cast<std::uint64_t*>(item));
      std::free(item);
    }
    ring.Release();
  }
}

// `row.count` pairs; an even thread produces for the odd one after it.
template <class SizeAt>
Sample ProducerConsumer(const Row& row, const Plan& plan, SizeAt size_at) {
  MappedArray<BatchRing> rings(row.count, Backing::kOrdinary);
  const double items = static_cast<double>(row.count * BatchRing::kBatch);
  return MeasureTimed(
      plan, items,
      [&](std::uint64_t batches) {
        return TimeThreads(row.threads, [&](int index) {
          BatchRing& ring = rings[static_cast<std::size_t>(index / 2)];
          if (index % 2 == 0) {
            Produce(ring, batches, size_at);
          } else {
            Consume(ring, batches);
          }
        });
      },
      kLeastThreadItems / BatchRing::kBatch);
}

Sample ProducerConsumerOneSize(const Row& row, const Plan& plan) {
  return ProducerConsumer(row, plan, [size = row.size](std::uint64_t) { return size; });
}

Sample ProducerConsumerMixed(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 19);
  return ProducerConsumer(row, plan, [&](std::uint64_t i) { return sizes.At(i); });
}

constexpr std::size_t kSwapSlots = 4096;

// Each item allocates a block, puts it into a random shared slot and frees what was there.
Sample Swap(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 23);
  MappedArray<std::atomic<void*>> slots(kSwapSlots);
  const double threads = static_cast<double>(row.threads);
  return MeasureTimed(
      plan, threads,
      [&](std::uint64_t n) {
        return TimeThreads(row.threads, [&](int index) {
          Random random(static_cast<std::uint64_t>(index) + 29);
          for (std::uint64_t i = 0; i < n; ++i) {
            auto* block = static_cast<std::uint64_t*>(std::malloc(sizes.At(random.Next())));
            *block = i;
            std::free(slots[random.Below(kSwapSlots)].exchange(block, std::memory_order_acq_rel));
          }
        });
      },
      kLeastThreadItems);
}

constexpr int kChurnBlocks = 100;

void* AllocateHundred(void* argument) {
  const SizeTable& sizes = *static_cast<const SizeTable*>(argument);
  void* blocks[kChurnBlocks];
  for (int i = 0; i < kChurnBlocks; ++i) {
    auto* block = static_cast<std::uint64_t*>(std::malloc(sizes.At(static_cast<std::uint64_t>(i))));
    *block = static_cast<std::uint64_t>(i);
    blocks[i] = block;
  }
  for (void* block : blocks) std::free(block);
  return nullptr;
}

Sample ThreadChurn(const Row& row, const Plan& plan) {
  SizeTable sizes(row.mix, 31);
  return Measure(plan, 1, [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      pthread_join(StartThread(AllocateHundred, &sizes), nullptr);
    }
  });
}

constexpr Row kRows[] = {
    {.name = "pc.64.x1", .measure = ProducerConsumerOneSize, .size = 64, .count = 1, .threads = 2},
    {.name = "pc.64.x2", .measure = ProducerConsumerOneSize, .size = 64, .count = 2, .threads = 4},
    {.name = "pc.small.x1", .measure = ProducerConsumerMixed, .count = 1, .threads = 2},
    {.name = "pc.small.x2", .measure = ProducerConsumerMixed, .count = 2, .threads = 4},
    {.name = "pc.mixed.x1",
     .measure = ProducerConsumerMixed,
     .count = 1,
     .mix = Mix::kMixed,
     .threads = 2},
    {.name = "swap.t2", .measure = Swap, .threads = 2},
    {.name = "swap.t8", .measure = Swap, .threads = 8},
    {.name = "churn.small", .measure = ThreadChurn},
    {.name = "churn.mixed", .measure = ThreadChurn, .mix = Mix::kMixed},
};

}  // namespace

std::span<const Row> ThreadRows() { return kRows; }

}  // namespace spanheap::bench
