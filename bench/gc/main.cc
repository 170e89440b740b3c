// SPDX-License-Identifier: MIT
//
// The command line of the programs of this folder, compiled once for each heap.
//
// usage: spanheap-gc-HEAP PROGRAM SIZE [COUNT]
// Prints one line of JSON: what the program saw and what the heap tells of itself.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/gc/program.h"

namespace {

using namespace spanheap::bench;

constexpr Program kPrograms[] = {
    {"binary-trees", BinaryTrees},
    {"threads-trees", ThreadsTrees},
    {"gcbench", GcBench},
    {"alloc-bytes", AllocateBytes},
    {"alloc-scanned", AllocateScanned},
    {"graph", RandomGraph},
    {"message-ring", MessageRing},
    {"list-storm", ListStorm},
    {"wide-arrays", WideArrays},
    {"small-maps", SmallMaps},
    {"no-heap", NoHeap},
};

// The most memory the process has held. Not that of getrusage, which keeps what the process was
// before it became this program.
std::uint64_t PeakBytes() {
  std::uint64_t kib = 0;
  char line[256];
  std::FILE* const status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return 0;
  while (std::fgets(line, sizeof line, status) != nullptr) {
    if (std::sscanf(line, "VmHWM: %" SCNu64, &kib) == 1) break;
  }
  std::fclose(status);
  return kib * 1024;
}

int Usage(const char* program) {
  std::fprintf(stderr, "usage: %s PROGRAM SIZE [COUNT]\nprograms:", program);
  for (const Program& each : kPrograms) std::fprintf(stderr, " %s", each.name);
  std::fprintf(stderr, "\n");
  return 2;
}

void Print(const Outcome& outcome, double wall_ns) {
  const heap::Figures figures = heap::ReadFigures();
  std::printf("{\"heap\":\"%s\",\"checksum\":%" PRIu64 ",\"items\":%" PRIu64
              ",\"run_ns\":%.0f,\"gap_ns\":%" PRIu64 ",\"unstolen_gap_ns\":%" PRIu64
              ",\"long_gaps\":%" PRIu64 ",\"rss_bytes\":%" PRIu64 ",\"cycles\":%" PRIu64
              ",\"stop_ns\":%" PRIu64 ",\"stops_ns\":%" PRIu64 "}\n",
              heap::kName, outcome.checksum, outcome.items, wall_ns, outcome.gaps.longest_ns,
              outcome.gaps.longest_unstolen_ns, outcome.gaps.above_ms, PeakBytes(), figures.cycles,
              figures.longest_stop_ns, figures.stop_total_ns);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return Usage(argv[0]);
  heap::Start();
  for (const Program& program : kPrograms) {
    if (std::strcmp(program.name, argv[1]) != 0) continue;
    const std::uint64_t count = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
    const double start = WallNs();
    const Outcome outcome = program.run(std::strtoull(argv[2], nullptr, 10), count);
    Print(outcome, WallNs() - start);
    return 0;
  }
  return Usage(argv[0]);
}
