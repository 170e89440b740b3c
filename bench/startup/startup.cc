// SPDX-License-Identifier: MIT
//
// startup: what a preloaded allocator costs a tiny process. Starts /bin/true again and again and
// waits for it.
//
// Idea.  Linked statically: the preload in its environment does not load into it, only into its
//        children; and its own few pages stay out of the children's peak (a child's peak counts the
//        memory it was forked with).
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "bench/harness/row.h"

extern char** environ;

namespace spanheap::bench {
namespace {

constexpr int kRuns = 100;  // per reading; five rounds of the runner make 500

// Runs /bin/true once to its end; its resource use. Any failure ends the program.
rusage RunTrue() {
  char program[] = "/bin/true";
  char* arguments[] = {program, nullptr};
  pid_t child = 0;
  int status = 0;
  rusage usage{};
  if (posix_spawn(&child, program, nullptr, nullptr, arguments, environ) != 0 ||
      wait4(child, &status, 0, &usage) != child || status != 0) {
    std::fprintf(stderr, "startup: /bin/true did not run to a good end (status %d)\n", status);
    std::_Exit(3);
  }
  return usage;
}

double Milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

Sample CpuTime(const Row&, const Plan&) {
  static double values[kRuns];
  RunTrue();
  for (double& value : values) {
    const rusage usage = RunTrue();
    value = Milliseconds(usage.ru_utime) + Milliseconds(usage.ru_stime);
  }
  return MedianOf(values, kRuns);
}

Sample PeakKib(const Row&, const Plan& plan) {
  double values[kMaxRepetitions];
  for (int i = 0; i < plan.repetitions; ++i) values[i] = static_cast<double>(RunTrue().ru_maxrss);
  return MedianOf(values, plan.repetitions);
}

constexpr Row kRows[] = {
    {.name = "startup.time", .measure = CpuTime, .kind = Kind::kStartup, .unit = "ms"},
    {.name = "startup.peak", .measure = PeakKib, .kind = Kind::kStartup, .unit = "KiB"},
};

}  // namespace
}  // namespace spanheap::bench

int main(int argc, char** argv) {
  const std::span<const spanheap::bench::Row> groups[] = {spanheap::bench::kRows};
  return spanheap::bench::RunRows(groups, argc, argv);
}
