// SPDX-License-Identifier: MIT
//
// spanheap-bench-pages: nanoseconds per page operation, for both page strategies and for the page
// heap. Each row's competitors run in turn, several rounds; the median counts.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/pages/row.h"

namespace {

using namespace spanheap::bench;

constexpr const char* kHelp =
    "usage: ./dev bench pages [--rounds N] [--row TEXT] [--json FILE]\n"
    "\n"
    "Measures the two page strategies (bitmap: what runs; lists: the page heap of Go 1.8) on a "
    "free\n"
    "and a fragmented space of 256 MiB and a fragmented one of 16 GiB, and the page heap with its\n"
    "lock and page caches. A pair is an allocation and a free. Takes about 10 seconds.\n"
    "  --rounds N   rounds per row (default 31)\n"
    "  --row TEXT   only rows whose space or operation contains TEXT\n"
    "  --json FILE  writes the results there, too\n";

constexpr double kRoundNs = 2e6;  // short: most rounds are then undisturbed

double TimeNs(const Runner& runner, uint64_t times) {
  const auto start = std::chrono::steady_clock::now();
  runner.run(times);
  const auto end = std::chrono::steady_clock::now();
  return std::chrono::duration<double, std::nano>(end - start).count();
}

// So many operations that a round takes about kRoundNs.
uint64_t TimesFor(const Runner& runner) {
  uint64_t times = 64;
  while (TimeNs(runner, times) < kRoundNs / 4) times *= 2;
  return times * 4;
}

void Measure(const Row& row, int rounds, std::vector<Result>& results) {
  std::vector<uint64_t> times;
  std::vector<std::vector<double>> ns(row.runners.size());
  for (const Runner& runner : row.runners) times.push_back(TimesFor(runner));
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < row.runners.size(); ++i) {
      ns[i].push_back(TimeNs(row.runners[i], times[i]) / static_cast<double>(times[i]));
    }
  }
  for (size_t i = 0; i < row.runners.size(); ++i) {
    std::sort(ns[i].begin(), ns[i].end());
    results.push_back({row.space, row.operation, row.runners[i].name, ns[i][ns[i].size() / 2],
                       ns[i][0], i == 0 ? row.target_ns : 0});
  }
}

struct Options {
  int rounds = 31;
  const char* row = "";
  const char* json = nullptr;
};

// False: bad arguments, or nothing left to do (then `code` is 0).
bool ReadOptions(int argc, char** argv, Options& options, int& code) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0 || std::strcmp(argv[i], "-h") == 0) {
      std::fputs(kHelp, stdout);
      code = 0;
      return false;
    }
    code = 2;
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--rounds") == 0 && has_value) {
      options.rounds = std::max(1, std::atoi(argv[++i]));
    } else if (std::strcmp(argv[i], "--row") == 0 && has_value) {
      options.row = argv[++i];
    } else if (std::strcmp(argv[i], "--json") == 0 && has_value) {
      options.json = argv[++i];
    } else {
      std::fprintf(stderr, "bench pages: expected --rounds, --row or --json, not '%s'\n", argv[i]);
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  int code = 0;
  if (!ReadOptions(argc, argv, options, code)) return code;
  std::vector<Row> rows;
  AddHeapRows(rows);
  AddStrategyRows(rows);
  std::vector<Result> results;
  for (const Row& row : rows) {
    const bool is_wanted = row.space.find(options.row) != std::string::npos ||
                           row.operation.find(options.row) != std::string::npos;
    if (is_wanted) Measure(row, options.rounds, results);
  }
  PrintTable(results);
  if (options.json != nullptr && !WriteJson(results, options.json)) {
    std::fprintf(stderr, "bench pages: cannot write %s\n", options.json);
    return 1;
  }
  return 0;
}
