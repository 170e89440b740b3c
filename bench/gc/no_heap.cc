// SPDX-License-Identifier: MIT
//
// no-heap: two threads walk over a table of `size` words in no order and allocate nothing; the
// first takes `steps` steps. What gaps it has are the machine's: those of the other rows say
// something about a heap where they are longer. Precondition: `size` is a power of two.
#include <atomic>
#include <thread>

#include "bench/gc/program.h"
#include "bench/harness/mapped_array.h"
#include "bench/harness/random.h"

namespace spanheap::bench {
namespace {

using Table = MappedArray<std::uint64_t>;

// What another thread does meanwhile, like a marker on a processor of its own.
void KeepReading(Table& table, const std::atomic<bool>& is_over) {
  Random random(2);
  std::uint64_t sum = 0;
  // Relaxed: only when to stop.
  while (!is_over.load(std::memory_order_relaxed)) sum += table[random.Next() & (table.size() - 1)];
  Escape(sum);
}

}  // namespace

Outcome NoHeap(std::uint64_t size, std::uint64_t steps) {
  Table table(size);
  for (std::uint64_t i = 0; i < size; ++i) table[i] = i;
  std::atomic<bool> is_over{false};
  std::thread other([&] { KeepReading(table, is_over); });
  GapWatch gaps;
  Outcome outcome;
  Random random(1);
  for (std::uint64_t i = 0; i < steps; ++i) {
    gaps.Tick();
    outcome.checksum += table[random.Next() & (size - 1)];
  }
  is_over.store(true, std::memory_order_relaxed);
  other.join();
  outcome.items = steps;
  gaps.AddTo(outcome.gaps);
  return outcome;
}

}  // namespace spanheap::bench
