// SPDX-License-Identifier: MIT
//
// HoleSweep: walks over all span records and gives back the OS pages inside partly used spans that
// no block touches.
//
// Idea.       A span that waits in its central list, and of which no slot was taken for a while, is
//             taken out: the sweep is its holder, which keeps refills off it. The free pages of
//             many spans go back in one system call, then the spans return to their lists. A span's
//             `age` tells what is known of it: 0: slots were taken lately; 1: not since the last
//             sweep; 2 + n: nothing to gain, as long as its free count is n (modulo 253).
// Threads.    One at a time, inside a core section. Holds no lock across the system call.
// Cost.       A cache line a record; about a microsecond for a span that is taken out.
// Go.         None (see spans/span_holes.h).
// Tests.      tests/scavenge/hole_sweep_test.cc.
#pragma once

#include <cstdint>

#include "spans/span_heap.h"

namespace spanheap {

class HoleSweep {
 public:
  constexpr explicit HoleSweep(SpanHeap& spans) : spans_(spans) {}

  // A new sweep: from the first record on.
  void Begin();
  // Looks at further records, until about `most` bytes have gone back or `records` were looked at.
  // Returns the bytes given back.
  Bytes Go(os::Memory& memory, PageCache& cache, Bytes most, uint32_t records);
  // The rest of the records is left alone.
  void Abandon() {
    next_ = 0;
    pending_ = false;
  }
  // All records were looked at since Begin.
  bool is_over() const { return next_ == 0; }
  // The last whole sweep found spans that may have something to give back by the next one.
  bool is_pending() const { return pending_; }
  // Whatever its age, each span is taken out: for what is asked for at once.
  void BeginForced();

 private:
  static constexpr unsigned kMostSpans = 32;
  static constexpr unsigned kMostRanges = 128;

  struct Taken {
    Span* span;
    uint32_t claimed;  // units
    unsigned ranges;   // of the batch that are this span's
  };
  struct Batch {
    Taken taken[kMostSpans];
    os::MemoryRange ranges[kMostRanges];
    unsigned span_count = 0;
    unsigned range_count = 0;
    bool is_full() const {
      return span_count == kMostSpans || range_count + kMostRows > kMostRanges;
    }
    static constexpr unsigned kMostRows = 16;  // of one span: 32 units
  };

  bool IsDue(Span& span);
  void Consider(uint32_t index, Batch& batch, PageCache& cache);
  void AddRanges(Batch& batch, Span& span, uint32_t claimed);
  Bytes Release(os::Memory& memory, Batch& batch, PageCache& cache);
  void LetGo(Span& span, PageCache& cache);

  SpanHeap& spans_;
  uint32_t next_ = 0;  // the next record; 0: the sweep is over
  bool pending_ = false;
  bool found_ = false;  // in this sweep: what will make the next one worth while
  bool forced_ = false;
};

}  // namespace spanheap
