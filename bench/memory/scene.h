// SPDX-License-Identifier: MIT
//
// What the scenes of bench/memory share: figures, floors, resident memory, waiting.
#pragma once

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "bench/harness/resident.h"

namespace spanheap::bench {

// One line of the report. target 0: told, not judged. Lower is better.
struct Figure {
  const char* name;
  double value;
  double target;
  const char* unit;
};

// A target that only 0 meets.
inline constexpr double kNothing = 1e-9;

class Report {
 public:
  explicit Report(bool json) : json_(json) {}
  void Add(const Figure& figure) {
    const bool ok = figure.target == 0 || figure.value <= figure.target;
    misses_ += ok ? 0 : 1;
    if (json_) {
      std::printf("{\"name\": \"%s\", \"value\": %.3f, \"target\": %.3f, \"unit\": \"%s\"}\n",
                  figure.name, figure.value, figure.target, figure.unit);
    } else if (figure.target == 0) {
      std::printf("%-44s %10.2f %-4s\n", figure.name, figure.value, figure.unit);
    } else {
      std::printf("%-44s %10.2f %-4s target %.2f %s\n", figure.name, figure.value, figure.unit,
                  figure.target, ok ? "ok" : "MISS");
    }
    std::fflush(stdout);
  }
  int misses() const { return misses_; }

 private:
  const bool json_;
  int misses_ = 0;
};

inline double Megabytes(double bytes) { return bytes / 1e6; }

inline void Pause_ms(unsigned ms) {
  const timespec duration{ms / 1000, static_cast<long>(ms % 1000) * 1'000'000};
  nanosleep(&duration, nullptr);
}

inline double ProcessorTime_ms() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// A table that no heap knows of.
template <class T>
T* MapTable(std::size_t count) {
  void* table = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  return static_cast<T*>(table);
}

// What the process held when this was made, and the code that it has read in since: no heap can
// give that back.
class Base {
 public:
  double bytes() const {
    return static_cast<double>(begin_.all - begin_.files + ReadResident().files);
  }

 private:
  ResidentMemory begin_ = ReadResident();
};

// Bytes of the 4 KiB pages that hold a part of a block: the rest could go.
class SurvivorPages {
 public:
  void Add(const void* block, std::size_t size) {
    const auto from = reinterpret_cast<std::uintptr_t>(block) / 4096;
    const auto to = (reinterpret_cast<std::uintptr_t>(block) + size - 1) / 4096;
    // Blocks are added in about the order of their addresses: neighbours share a page.
    for (auto page = from; page <= to; ++page) {
      if (page == last_) continue;
      ++pages_;
      last_ = page;
    }
  }
  double bytes() const { return static_cast<double>(pages_) * 4096; }

 private:
  std::uint64_t pages_ = 0;
  std::uintptr_t last_ = 0;
};

void Sparse(Report& report);
void Spike(Report& report);
void Web(Report& report);
void Idle(Report& report);
void NowAndThen(Report& report);
void Pipeline(Report& report);
void Churn(Report& report);
void Trim(Report& report);
void Figures(Report& report);
void Limits(Report& report);
// The bodies of the processes that scenes start; they do not return.
[[noreturn]] void ChurnChild();
[[noreturn]] void NowAndThenChild();
[[noreturn]] void SoftLimitChild();
[[noreturn]] void MovingSoftLimitChild();
[[noreturn]] void HardLimitChild();

}  // namespace spanheap::bench
