// SPDX-License-Identifier: MIT
//
// ForcedRelease: gives free memory back because somebody asked for it, in pieces.
//
// Idea.       Spares first, then free pages, then holes inside spans, at last the pages of spans
//             that this made empty. A step does about a millisecond of that, so that its caller can
//             leave the core section in between: a fork, a report or a stop of the collector waits
//             for a step and not for the whole.
// Threads.    One thread an object; several objects at a time may be at work. Each step in a
//             section; no lock of the heap is held across a system call.
// Fails.      What the OS refuses (locked pages) stays as it was.
// Cost.       A step: a system call or a few for kPiece, or the records of kRecords spans.
// Go.         scavengeAll of debug.FreeOSMemory, which releases chunk by chunk.
// Tests.      tests/scavenge/forced_release_test.cc, tests/runtime/give_back_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "scavenge/hole_sweep.h"
#include "spans/span_heap.h"

namespace spanheap {

class ForcedRelease {
 public:
  // What a step gives back at most. More: fewer system calls. Less: shorter waits of others.
  static constexpr Bytes kPiece = 4_MiB;

  // About `at_most` bytes are to go.
  ForcedRelease(PageHeap& pages, SpanHeap& spans, os::Memory& memory, Bytes at_most)
      : pages_(pages), spans_(spans), memory_(memory), at_most_(at_most), holes_(spans) {}

  // A piece of it. `cache` is the calling thread's. False: that was all.
  bool Step(PageCache& cache);
  Bytes released() const { return released_; }

 private:
  enum class Phase : uint8_t { kSpares, kPages, kHoles, kLastPages, kOver };
  static constexpr uint32_t kRecords = 1024;

  void ReleasePages(Phase next);
  void StartPages(Phase phase);
  Bytes Piece() const {
    return released_ < at_most_ ? std::min(kPiece, at_most_ - released_) : Bytes(0);
  }

  PageHeap& pages_;
  SpanHeap& spans_;
  os::Memory& memory_;
  const Bytes at_most_;
  Bytes released_;
  Phase phase_ = Phase::kSpares;
  // Of pages, so that this ends though others free as much meanwhile.
  uint64_t pieces_left_ = 0;
  HoleSweep holes_;
};

}  // namespace spanheap
