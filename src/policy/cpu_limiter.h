// SPDX-License-Identifier: MIT
//
// CpuLimiter: keeps the collector below half of the processor time, whatever a memory limit asks.
//
// Idea.       A leaking bucket, one second per processor deep. Time of the collector fills it, time
//             of the program empties it; while it is full, allocating threads do no collector work,
//             and memory may pass its limit. So half of the time in the long run, with a second of
//             patience.
// Invariants. 0 <= fill <= capacity. limiting: the last window found it full.
// Threads.    A value; one thread at a time updates it.
// Go.         mgclimit.go.
// Tests.      tests/policy/cpu_limiter_test.cc.
#pragma once

#include <cstdint>

namespace spanheap::policy {

// Processor time since the last update.
struct CpuWindow {
  uint64_t total_ns = 0;   // of all threads (or wall time times processors)
  uint64_t idle_ns = 0;    // nothing ran, or idle mark workers
  uint64_t assist_ns = 0;  // work for the collector
  bool marking = false;    // background workers had their quarter, and that is not in assist_ns
};

class CpuLimiter {
 public:
  explicit constexpr CpuLimiter(unsigned processors) { SetProcessors(processors); }

  constexpr void SetProcessors(unsigned processors) {
    capacity_ns_ = kDepth_ns * processors;
    if (fill_ns_ > capacity_ns_) fill_ns_ = capacity_ns_;
    limiting_ = limiting_ && fill_ns_ == capacity_ns_;
  }

  void Update(const CpuWindow& window);
  // Both stops: all processors were the collector's.
  void UpdateStopped(uint64_t duration_ns, unsigned processors) {
    Accumulate(0, duration_ns * processors);
  }

  // Allocating threads do nothing for the collector now.
  bool limiting() const { return limiting_; }
  uint64_t fill_ns() const { return fill_ns_; }
  uint64_t capacity_ns() const { return capacity_ns_; }
  // Collector time that was above what the bucket holds, in all.
  uint64_t overflow_ns() const { return overflow_ns_; }

 private:
  static constexpr uint64_t kDepth_ns = 1'000'000'000;

  void Accumulate(uint64_t mutator_ns, uint64_t collector_ns);

  uint64_t capacity_ns_ = 0;
  uint64_t fill_ns_ = 0;
  uint64_t overflow_ns_ = 0;
  bool limiting_ = false;
};

}  // namespace spanheap::policy
