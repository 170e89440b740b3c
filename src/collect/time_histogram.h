// SPDX-License-Identifier: MIT
//
// TimeHistogram: how often something took how long, in powers of two of nanoseconds.
//
// Threads. Any adds; readers see some moment of each count.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/bits.h"

namespace spanheap {
struct RootRecord;
}  // namespace spanheap

namespace spanheap::collected {

class TimeHistogram {
 public:
  static constexpr unsigned kBuckets = 40;  // the last: above nine minutes

  void Add(uint64_t ns) {
    const unsigned bucket = ns == 0 ? 0 : Log2Floor(ns);
    // Relaxed: a statistic.
    counts_[bucket < kBuckets ? bucket : kBuckets - 1].FetchAddRelaxed(1);
  }
  // Times of at least 2^bucket ns and below twice that.
  uint64_t count(unsigned bucket) const { return counts_[bucket].LoadRelaxed(); }
  void Read(uint64_t (&counts)[kBuckets]) const {
    for (unsigned i = 0; i < kBuckets; ++i) counts[i] = count(i);
  }

 private:
  friend struct spanheap::RootRecord;  // its layout is described to tools

  Atomic<uint64_t> counts_[kBuckets];
};

}  // namespace spanheap::collected
