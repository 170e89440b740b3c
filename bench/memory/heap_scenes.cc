// SPDX-License-Identifier: MIT
//
// Scenes of one thread: a heap that is thinned out, a spike, and a mix of sizes that changes.
#include <pthread.h>

#include <cstdlib>

#include "bench/harness/random.h"
#include "bench/memory/scene.h"
#include "bench/memory/watch.h"

namespace spanheap::bench {
namespace {

double Resident() { return static_cast<double>(ResidentBytes()); }

// Sizes as a web server asks for them: mostly small, a few large. `shift` makes another mix of it.
std::size_t WebSize(Random& random, unsigned shift) {
  const std::uint64_t dice = random.Below(1000);
  if (dice < 800) return random.Between(16, 256 << shift);
  if (dice < 970) return random.Between(256, 4096 << shift);
  if (dice < 998) return random.Between(4096, 32768);
  return random.Between(32768, 262144);
}

struct Block {
  char* at;
  std::size_t size;
};

std::size_t FillWeb(Block* blocks, std::size_t most, double bytes, Random& random, unsigned shift) {
  std::size_t n = 0;
  for (double sum = 0; n < most && sum < bytes; ++n) {
    blocks[n].size = WebSize(random, shift);
    blocks[n].at = static_cast<char*>(std::malloc(blocks[n].size));
    std::memset(blocks[n].at, 1, blocks[n].size);
    sum += static_cast<double>(blocks[n].size);
  }
  return n;
}

// Frees nine of ten, at random; returns how many are left, moved to the front.
std::size_t ThinOut(Block* blocks, std::size_t n, Random& random) {
  std::size_t left = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (random.Below(10) == 0) {
      blocks[left++] = blocks[i];
    } else {
      std::free(blocks[i].at);
    }
  }
  return left;
}

}  // namespace

void Sparse(Report& report) {
  constexpr std::size_t kBlocks = 1'000'000;
  constexpr std::size_t kKept = 400;
  char** blocks = MapTable<char*>(kBlocks);
  const Base base;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks[i] = static_cast<char*>(std::malloc(200));
    std::memset(blocks[i], 1, 200);
  }
  report.Add({"sparse: full", Megabytes(Resident()), 0, "MB"});
  SurvivorPages survivors;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    if (i % kKept == 0) {
      survivors.Add(blocks[i], 200);
    } else {
      std::free(blocks[i]);
    }
  }
  const double before_ms = ProcessorTime_ms();
  Pause_ms(5000);
  const double floor = base.bytes() + survivors.bytes();
  report.Add({"sparse: floor", Megabytes(floor), 0, "MB"});
  report.Add({"sparse: resident after 5 s, idle", Resident() / floor, 1.15, "x"});
  report.Add({"sparse: processor time meanwhile", ProcessorTime_ms() - before_ms, 150, "ms"});
}

void Spike(Report& report) {
  constexpr std::size_t kMost = 20'000;
  Block* blocks = MapTable<Block>(kMost);
  Watch watch;
  pthread_t watcher;
  pthread_create(&watcher, nullptr, Watch::Run, &watch);
  Pause_ms(1000);
  report.Add({"spike: before", Megabytes(Resident()), 0, "MB"});
  const Base base;
  Random random(1);
  std::size_t n = 0;
  for (double sum = 0; n < kMost && sum < 1e9; ++n) {
    blocks[n].size = random.Between(64 << 10, 4 << 20);
    blocks[n].at = static_cast<char*>(std::malloc(blocks[n].size));
    std::memset(blocks[n].at, 1, blocks[n].size);
    sum += static_cast<double>(blocks[n].size);
  }
  report.Add({"spike: full", Megabytes(Resident()), 0, "MB"});
  watch.longest_ms = 0;
  for (std::size_t i = 0; i < n; ++i) std::free(blocks[i].at);
  Pause_ms(3000);
  const double resident = Resident();
  report.Add({"spike: floor", Megabytes(base.bytes()), 0, "MB"});
  report.Add({"spike: resident after 3 s", resident / base.bytes(), 1.05, "x"});
  watch.stop = true;
  pthread_join(watcher, nullptr);
  report.Add({"spike: longest pair of another thread", watch.longest_ms, 1, "ms"});
}

void Web(Report& report) {
  constexpr std::size_t kMost = 2'000'000;
  Block* blocks = MapTable<Block>(kMost);
  const Base base;
  const auto added = [&base] { return Resident() - base.bytes(); };
  Random random(2);
  std::size_t n = FillWeb(blocks, kMost, 256e6, random, 0);
  report.Add({"web: full, without the test's table", Megabytes(added()), 0, "MB"});
  n = ThinOut(blocks, n, random);
  Pause_ms(1000);
  report.Add({"web: 1 s after 90 % was freed", Megabytes(added()), 80, "MB"});
  double live = 0;
  for (std::size_t i = 0; i < n; ++i) live += static_cast<double>(blocks[i].size);
  n += FillWeb(blocks + n, kMost - n, 256e6 - live, random, 1);
  report.Add({"web: refilled with another mix", added() / 256e6, 1.10, "x"});
  for (std::size_t i = 0; i < n; ++i) std::free(blocks[i].at);
  Pause_ms(2000);
  report.Add({"web: 2 s after all was freed", Megabytes(added()), 20, "MB"});
}

}  // namespace spanheap::bench
