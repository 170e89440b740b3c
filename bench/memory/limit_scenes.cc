// SPDX-License-Identifier: MIT
//
// Scenes under a limit: much that lives and churns under a soft one, and the end under a hard one.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "bench/harness/random.h"
#include "bench/memory/apart.h"
#include "bench/memory/scene.h"
#include "bench/memory/watch.h"

namespace spanheap::bench {
namespace {

constexpr std::size_t kMost = 2'000'000;

struct Block {
  char* at;
  std::size_t size;
};

bool Fill(Block& block, std::size_t size) {
  block = {static_cast<char*>(std::malloc(size)), size};
  if (block.at == nullptr) return false;
  std::memset(block.at, 1, size);
  return true;
}

constexpr unsigned kMiddle = 2;

// Sizes of one of four mixes; when it changes, what was freed does not fit what comes.
std::size_t SizeAt(Random& random, unsigned mix) {
  return random.Between(16, std::size_t{500} << mix % 4);
}

struct HardEnd {
  double live;     // MB, when the heap refused
  double refused;  // 1: with null and ENOMEM
  double goes_on;  // 1: what was freed could be taken again
};

double CountLines(int file) {
  char text[4096];
  double lines = 0;
  lseek(file, 0, SEEK_SET);
  for (ssize_t n = 0; (n = read(file, text, sizeof text)) > 0;) {
    lines += static_cast<double>(std::count(text, text + n, '\n'));
  }
  return lines;
}

// 450 MB live; for four seconds random blocks are freed and others come, the live bytes kept.
// Returns the most that was resident; with `moves` the mix of sizes is another each half second.
double ChurnBelowLimit(bool moves) {
  Block* blocks = MapTable<Block>(kMost);
  Random random(11);
  std::size_t n = 0;
  double live = 0;
  double most = 0;
  const double start = Watch::Now_ms();
  const auto table = static_cast<double>(ResidentBytes());
  for (double now = start; now - start < 4000; now = Watch::Now_ms()) {
    const unsigned mix = moves ? static_cast<unsigned>((now - start) / 500) : kMiddle;
    for (int i = 0; i < 10'000; ++i) {
      while (n > 0 && (live > 450e6 || n == kMost)) {
        Block& victim = blocks[random.Below(n)];
        std::free(victim.at);
        live -= static_cast<double>(victim.size);
        victim = blocks[--n];
      }
      if (Fill(blocks[n], SizeAt(random, mix))) live += static_cast<double>(blocks[n++].size);
    }
    most = std::max(most, static_cast<double>(ResidentBytes()) - table);
  }
  return most;
}

}  // namespace

void SoftLimitChild() { TellAndExit(ChurnBelowLimit(false)); }
void MovingSoftLimitChild() { TellAndExit(ChurnBelowLimit(true)); }

void HardLimitChild() {
  Block* blocks = MapTable<Block>(kMost);
  Random random(12);
  HardEnd end{};
  std::size_t n = 0;
  double live = 0;
  while (n < kMost && live < 600e6 && Fill(blocks[n], SizeAt(random, 3))) {
    live += static_cast<double>(blocks[n++].size);
  }
  end.live = Megabytes(live);
  end.refused = n < kMost && blocks[n].at == nullptr && errno == ENOMEM ? 1 : 0;
  for (int i = 0; i < 5; ++i) std::free(std::malloc(100'000));  // refused again: no further line
  for (std::size_t i = 0; i < n; ++i) std::free(blocks[i].at);
  std::size_t again = 0;
  while (again < n && Fill(blocks[again], blocks[again].size)) ++again;
  end.goes_on = static_cast<double>(again) >= 0.95 * static_cast<double>(n) ? 1 : 0;
  TellAndExit(end);
}

void Limits(Report& report) {
  constexpr char kSoft[] = "memlimit=512M";
  const auto most = RunApartWith<double>(kSoft, "--soft-limit");
  const auto moving = RunApartWith<double>(kSoft, "--soft-limit-moving");
  report.Add({"limits: most resident, 450 MB live, soft 512 MiB", most / (1 << 20), 512, "MiB"});
  report.Add({"limits: the same, the mix of sizes moving", moving / (1 << 20), 0, "MiB"});
  const int errors = memfd_create("errors", MFD_CLOEXEC);
  const auto end = RunApartWith<HardEnd>("hardlimit=512M", "--hard-limit", errors);
  report.Add({"limits: live when a hard 512 MiB refused", end.live, 0, "MB"});
  report.Add({"limits: it did so otherwise than with ENOMEM", 1 - end.refused, kNothing, ""});
  report.Add({"limits: what was freed cannot be taken again", 1 - end.goes_on, kNothing, ""});
  report.Add({"limits: lines logged", CountLines(errors), 1, ""});
  close(errors);
}

}  // namespace spanheap::bench
