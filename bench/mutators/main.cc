// SPDX-License-Identifier: MIT
//
// What threads pay for being stoppable: the idle write barrier beside a plain store, and how long
// stopping the world takes, by what the threads are doing.
//
// usage: spanheap-bench-mutators [--json] [STOPS]     prints a row for each measurement
//
// Idea.   The barrier's rows alternate with the plain store in one run, and the difference is of
//         their medians. A stop is timed from the first signal to the last thread held.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "bench/harness/whole_number.h"
#include "mutators/blocking_region.h"
#include "mutators/stop_the_world.h"
#include "os/clock.h"
#include "os/futex.h"
#include "spanheap/detail/barrier.h"

namespace {

using spanheap::Atomic;
using spanheap::MutatorRegistry;
using spanheap::StopTheWorld;
namespace os = spanheap::os;

constinit MutatorRegistry registry;
bool as_json = false;

void Row(const char* name, const char* unit, std::vector<double>& samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double part) {
    return samples[static_cast<size_t>(part * static_cast<double>(samples.size() - 1))];
  };
  const char* const format = as_json ? "{\"row\":\"%s\",\"unit\":\"%s\",\"median\":%.3f,"
                                       "\"p10\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n"
                                     : "%-34s %-9s median %9.3f  p10 %9.3f  p90 %9.3f  p99 %9.3f  "
                                       "max %9.3f\n";
  std::printf(format, name, unit, at(0.5), at(0.1), at(0.9), at(0.99), at(1.0));
}

// ---- the store

constexpr size_t kSlots = 1024;  // 8 KiB: in the first cache
constexpr int kRounds = 2000;
void* slots[kSlots];

template <class Store>
[[gnu::noinline]] double StoreNs(Store store) {
  const uint64_t start = os::MonotonicNow_ns();
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < kSlots; ++i) store(&slots[i], &slots[i]);
    asm volatile("" : : : "memory");
  }
  return static_cast<double>(os::MonotonicNow_ns() - start) / (kRounds * double{kSlots});
}

void MeasureStores() {
  std::vector<double> plain, barrier, difference;
  for (int i = 0; i < 41; ++i) {
    plain.push_back(StoreNs([](void** slot, void* value) {
      asm volatile("movq %1, %0" : "=m"(*slot) : "r"(value));
    }));
    barrier.push_back(
        StoreNs([](void** slot, void* value) { spanheap::detail::StorePointer(slot, value); }));
    difference.push_back(barrier.back() - plain.back());
  }
  Row("store plain", "ns", plain);
  Row("store barrier idle", "ns", barrier);
  Row("store barrier idle minus plain", "ns", difference);
}

// ---- stops

template <class Body>
void MeasureStops(const char* name, int threads, int stops, Body body) {
  Atomic<bool> stop;
  Atomic<int> started;
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      auto& record = *new spanheap::Mutator;
      registry.Attach(record);
      started.FetchAdd(1);
      while (!stop.LoadAcquire()) body();
      registry.Detach(record);
    });
  }
  while (started.LoadAcquire() != threads) os::YieldThread();
  std::vector<double> samples;
  for (int i = 0; i < stops; ++i) {
    os::SleepFor_ns(200'000);  // let them run
    const StopTheWorld stopped(registry);
    samples.push_back(static_cast<double>(registry.last_stop_ns()) / 1000);
  }
  stop.StoreRelease(true);
  for (std::thread& thread : all) thread.join();
  Row(name, "us", samples);
}

// ---- the command line

constexpr int kUsageError = 2;
constexpr int kMostStops = 1'000'000;

// False: the words are not those of the usage.
bool ReadWords(int argc, char** argv, int& stops) {
  bool has_stops = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      as_json = true;
    } else if (has_stops || !spanheap::bench::ReadWholeNumber(argv[i], 1, kMostStops, stops)) {
      return false;
    } else {
      has_stops = true;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  int stops = 1000;
  if (!ReadWords(argc, argv, stops)) {
    std::fprintf(stderr, "usage: %s [--json] [STOPS]     STOPS: 1 to %d\n", argv[0], kMostStops);
    return kUsageError;
  }
  if (!registry.Start({})) return 1;
  MeasureStores();
  const auto spin = [] { os::SpinHint(); };
  const auto block = [] { os::SleepFor_ns(1'000'000); };
  const auto park = [] {
    const spanheap::BlockingRegion region;
    os::SleepFor_ns(1'000'000);
  };
  MeasureStops("stop 1 thread that spins", 1, stops, spin);
  MeasureStops("stop 4 threads that spin", 4, stops / 4 + 1, spin);
  MeasureStops("stop 16 threads that sleep", 16, stops, block);
  MeasureStops("stop 16 threads that are parked", 16, stops, park);
  MeasureStops("stop 64 threads that are parked", 64, stops, park);
  return 0;
}
