// SPDX-License-Identifier: MIT
//
// spanheap-latency: how long single first touches take while a heap grows, on memory that was torn
// to pieces before.
//
// Idea.     [fragment MiB] of ordinary pages are taken from the kernel and every second one is
//           given back, so that what is free has no huge page left in one piece: whoever wants
//           one makes the kernel move pages. Then the heap grows by [heap MiB] in blocks of a
//           page; each malloc and the first write into its block are timed together.
// Output.   Microseconds: median, 99th, 99.9th, 99.99th percentile, the longest, and the total.
// Caution.  With nearly all free memory as the first number other programs may run out of it.
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "bench/harness/mapped_array.h"

namespace spanheap::bench {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBlock = 4096;

double NowUs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// Pages stay held until the process ends.
void TearToPieces(std::size_t mib) {
  if (mib == 0) return;
  alignas(MappedArray<char>) static char room[sizeof(MappedArray<char>)];
  auto* const torn = new (room) MappedArray<char>(mib << 20, Backing::kOrdinary);
  for (std::size_t at = 0; at < torn->size(); at += 2 * kPage) {
    madvise(torn->data() + at, kPage, MADV_DONTNEED);
  }
}

void Report(MappedArray<float>& times, double total_us) {
  float* const begin = times.data();
  float* const end = begin + times.size();
  std::sort(begin, end);
  const auto at = [&](double share) {
    return begin[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  std::printf(
      "touches %zu  p50 %.2f  p99 %.2f  p99.9 %.1f  p99.99 %.1f  max %.1f us  total %.0f ms\n",
      times.size(), at(0.5), at(0.99), at(0.999), at(0.9999), end[-1], total_us / 1e3);
}

int Run(std::size_t fragment_mib, std::size_t heap_mib) {
  TearToPieces(fragment_mib);
  MappedArray<float> times(heap_mib * (1 << 20) / kBlock);
  const double start = NowUs();
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double before = NowUs();
    auto* block = static_cast<volatile char*>(std::malloc(kBlock));
    if (block == nullptr) return 3;
    *block = 1;
    times[i] = static_cast<float>(NowUs() - before);
  }
  Report(times, NowUs() - start);
  return 0;
}

}  // namespace
}  // namespace spanheap::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: spanheap-latency FRAGMENT_MIB HEAP_MIB\n");
    return 2;
  }
  return spanheap::bench::Run(std::strtoull(argv[1], nullptr, 10),
                              std::strtoull(argv[2], nullptr, 10));
}
