// SPDX-License-Identifier: MIT
//
// false.active: does the allocator give pieces of one cache line to two threads? false.passive:
// does it do so when each thread first frees a block that the main thread allocated beside the
// other thread's? One item is an 8-byte block, written twenty times, and freed. A line that two
// threads write makes the row several times slower.
#include <cstdlib>

#include "bench/harness/threads.h"
#include "bench/programs/program_rows.h"

namespace spanheap::bench {
namespace {

constexpr std::size_t kBlockBytes = 8;
constexpr int kWrites = 20;

void WriteOften(void* block) {
  auto* counter = static_cast<volatile unsigned char*>(block);
  for (int i = 0; i < kWrites; ++i) *counter = static_cast<unsigned char>(i);
}

void AllocateAndWrite(std::uint64_t items) {
  for (std::uint64_t i = 0; i < items; ++i) {
    void* block = std::malloc(kBlockBytes);
    WriteOften(block);
    std::free(block);
  }
}

Sample Active(const Row& row, const Plan& plan) {
  return MeasureTimed(
      plan, 1,
      [&](std::uint64_t n) { return TimeThreads(row.threads, [&](int) { AllocateAndWrite(n); }); },
      kLeastThreadItems);
}

Sample Passive(const Row& row, const Plan& plan) {
  return MeasureTimed(
      plan, 1,
      [&](std::uint64_t n) {
        void* neighbours[kMaxThreads];
        for (int i = 0; i < row.threads; ++i) neighbours[i] = std::malloc(kBlockBytes);
        return TimeThreads(row.threads, [&](int index) {
          std::free(neighbours[index]);
          AllocateAndWrite(n);
        });
      },
      kLeastThreadItems);
}

// The writes alone, each thread on a line of its own.
Sample WritesAlone(const Row& row, const Plan& plan) {
  constexpr std::size_t kApart = 4096;
  MappedArray<char> lines(static_cast<std::size_t>(row.threads) * kApart, Backing::kOrdinary);
  return MeasureTimed(
      plan, 1,
      [&](std::uint64_t n) {
        return TimeThreads(row.threads, [&](int index) {
          char* line = lines.data() + static_cast<std::size_t>(index) * kApart;
          for (std::uint64_t i = 0; i < n; ++i) WriteOften(line);
        });
      },
      kLeastThreadItems);
}

constexpr Row kRows[] = {
    {.name = "false.active.t2", .measure = Active, .threads = 2, .ceiling = WritesAlone},
    {.name = "false.passive.t2", .measure = Passive, .threads = 2, .ceiling = WritesAlone},
};

}  // namespace

std::span<const Row> SharingRows() { return kRows; }

}  // namespace spanheap::bench
