// SPDX-License-Identifier: MIT
//
// Row: one named line of a benchmark, and the command line that every benchmark program shares.
//
// Commands.  --list          one line per row: name, kind, unit, threads, heavy MiB, ceiling (0|1)
//            --row NAME      measure it and print: name, median, spread, unit
//            --ceiling NAME  measure its ceiling: the memory work alone, no allocator in it
//            --warm MIB      touch that much memory and drop it (bench/README.md says why)
// Options.   --reps N --ms MS  number and length of repetitions; --cpu N  the CPU to stay on
#pragma once

#include <cstdint>
#include <span>

#include "bench/harness/measure.h"
#include "bench/harness/sizes.h"

namespace spanheap::bench {

enum class Kind {
  kTime,     // lower is better, compared by ratio
  kDensity,  // resident bytes per requested byte
  kMemory,   // resident KiB, told but not judged
  kStartup,  // cost of a tiny process, judged by what it adds to glibc's
};

struct Row;
using MeasureRow = Sample (*)(const Row&, const Plan&);

struct Row {
  const char* name;
  MeasureRow measure;
  std::uint64_t size = 0;   // bytes of a block, where the row has one size
  std::uint64_t count = 0;  // live blocks, batch length or threads' share, as the row says
  Mix mix = Mix::kSmall;
  int threads = 1;               // 1: the runner pins the process to one CPU
  int heavy_mib = 0;             // memory the row touches; above 0 the runner warms as much first
  MeasureRow ceiling = nullptr;  // the memory work of the row alone
  Kind kind = Kind::kTime;
  const char* unit = "ns";
};

// Runs the shared command line over `groups` of rows; the program's exit code.
int RunRows(std::span<const std::span<const Row>> groups, int argc, char** argv);

}  // namespace spanheap::bench
