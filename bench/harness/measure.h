// SPDX-License-Identifier: MIT
//
// How one row is timed: find a number of iterations that lasts long enough, run it several times,
// take the median.
//
// Idea.   A row hands over a callable `timed(n)` that performs n iterations and says how many
//         nanoseconds they took, so a row may leave its own preparation out of the reading.
//         `Measure` wraps a plain loop in that form.
// Cost.   One clock reading before and after a repetition; nothing is allocated by the harness, so
//         every block the allocator under test sees is one the row asked for.
#pragma once

#include <time.h>

#include <cstdint>

namespace spanheap::bench {

// How long to measure: the median of `repetitions` runs of about `repetition_ms` each.
struct Plan {
  int repetitions = 5;
  double repetition_ms = 15;
};

// A reading and how far its repetitions lay apart: (max - min) / median.
struct Sample {
  double median = 0;
  double spread = 0;
};

constexpr int kMaxRepetitions = 64;

inline double ReadClock(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Time on the wall, for rows with several threads: waiting is part of what they measure.
inline double WallNs() { return ReadClock(CLOCK_MONOTONIC); }

// Processor time of the process, kernel and background threads included: for rows of one thread,
// which never wait; what else runs on the machine takes less part in it.
inline double CpuNs() { return ReadClock(CLOCK_PROCESS_CPUTIME_ID); }

// Tells the compiler that `value` is read by someone it cannot see.
template <class T>
inline void Escape(T value) {
  asm volatile("" : : "g"(value) : "memory");
}

// The median and spread of `values[0..count)`; sorts them in place. Precondition: count > 0.
inline Sample MedianOf(double* values, int count) {
  for (int i = 1; i < count; ++i) {
    for (int j = i; j > 0 && values[j] < values[j - 1]; --j) {
      const double swap = values[j];
      values[j] = values[j - 1];
      values[j - 1] = swap;
    }
  }
  const double upper = values[count / 2];
  const double median = count % 2 != 0 ? upper : (upper + values[count / 2 - 1]) / 2;
  return {median, median > 0 ? (values[count - 1] - values[0]) / median : 0};
}

// The number of iterations that take about the plan's time. A single slow call proves nothing (the
// processor may have been away), so a number is accepted only when a second call takes long too.
template <class Timed>
std::uint64_t CalibratedIterations(const Plan& plan, Timed& timed, std::uint64_t least) {
  const double goal_ns = plan.repetition_ms * 1e6;
  std::uint64_t iterations = least;
  for (;;) {
    double ns = timed(iterations);
    if (ns >= goal_ns) {
      const double again = timed(iterations);
      ns = again < ns ? again : ns;
      if (ns >= goal_ns / 2) return iterations;
    }
    const double wanted = static_cast<double>(iterations) * goal_ns * 1.1 / (ns > 1 ? ns : 1);
    const double capped = static_cast<double>(iterations) * 16;
    iterations = static_cast<std::uint64_t>(wanted < capped ? wanted : capped) + 1;
  }
}

// Nanoseconds per item of `timed`, whose iterations hold `items` items each. At least `least`
// iterations make a repetition: rows that start threads need many to outweigh the start.
template <class Timed>
Sample MeasureTimed(const Plan& plan, double items, Timed timed, std::uint64_t least = 1) {
  const std::uint64_t iterations = CalibratedIterations(plan, timed, least);
  double values[kMaxRepetitions];
  for (int i = 0; i < plan.repetitions; ++i) {
    values[i] = timed(iterations) / (static_cast<double>(iterations) * items);
  }
  return MedianOf(values, plan.repetitions);
}

// The same for a callable that just performs n iterations, by processor time.
template <class Body>
Sample Measure(const Plan& plan, double items, Body body) {
  return MeasureTimed(plan, items, [&](std::uint64_t iterations) {
    const double start = CpuNs();
    body(iterations);
    return CpuNs() - start;
  });
}

}  // namespace spanheap::bench
