// SPDX-License-Identifier: MIT
//
// EpochReport: a report that is counted once and read many times, until somebody asks for the next.
//
// Idea.    Counting keeps every thread out of the slow paths for a moment. A program that reads
//          twenty figures one by one (jemalloc's mallctl is made for that) should cause one such
//          moment, and see figures of one moment.
// Threads. Any; one lock around everything, taken outside of sections. A handler that interrupted
//          the heap must not come here.
// Tests.   tests/runtime/epoch_report_test.cc; rows in tests/faces/malloc/rows_control.cc.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "observe/heap_report.h"
#include "sync/mutex.h"

namespace spanheap {

class EpochReport {
 public:
  // The report is large and begins as zero: given from outside, it is no part of the file.
  constexpr explicit EpochReport(HeapReport& report) : report_(report) {}

  // Counts anew; returns the number of the epoch that begins: 2 after the first call.
  uint64_t Next() EXCLUDES(mutex_);
  uint64_t Now() EXCLUDES(mutex_);
  using Look = void (*)(const HeapReport& report, void* context);
  // The first look counts, too.
  void LookAt(Look look, void* context) EXCLUDES(mutex_);

  // In a forked child, whose report may be half written.
  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS {
    mutex_.ResetInChild();
    if (is_counted_) is_counted_ = false;
  }

 private:
  void CountLocked() REQUIRES(mutex_);

  Mutex mutex_{LockRank::kReport};
  bool is_counted_ GUARDED_BY(mutex_) = false;
  uint64_t passed_ GUARDED_BY(mutex_) = 0;  // epochs before this one
  HeapReport& report_ GUARDED_BY(mutex_);
};

extern constinit EpochReport epoch_report [[gnu::visibility("hidden")]];

}  // namespace spanheap
