// SPDX-License-Identifier: MIT
//
// HeapState: the few words that allocation, marking and pacing share: the phase, how much lives,
// when the next cycle is due.
//
// Threads. The phase changes with the world stopped only: inside a section it is constant. The
//          counters are added to by everybody and read as they come; each has a cache line.
// Go.      mgc.go gcphase/gcBlackenEnabled, mgcpacer.go gcController's heapLive.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"

namespace spanheap::collected {

enum class Phase : uint32_t { kOff, kMark, kTermination };

struct HeapState {
  // Read often, written rarely.
  alignas(kCacheLine) Atomic<Phase> phase;
  Atomic<uint64_t> trigger{~uint64_t{0}};  // `live` at which the next cycle starts
  Atomic<uint64_t> goal{~uint64_t{0}};     // `live` at which the next mark should end
  // Bytes in objects, counted when a word of slots or a large object is taken, set anew by each
  // mark.
  alignas(kCacheLine) Atomic<uint64_t> live;
  // Of these, those of slots and large objects that were taken black in this mark phase, and those
  // of slots that threads had claimed before it and not handed out when it began.
  Atomic<uint64_t> black;
  Atomic<uint64_t> held;
  Atomic<uint64_t> allocated_bytes;    // in all; like `live`
  Atomic<uint64_t> allocated_objects;  // in all
  // Counted up when a mark has begun, and when it is over: a futex word, for threads that have to
  // wait for that; and how many do.
  Atomic<uint32_t> turns;
  Atomic<uint32_t> waiting;
  // Bytes scanned in the background that threads may use up before they must help themselves.
  alignas(kCacheLine) Atomic<int64_t> credit;

  bool is_marking() const { return phase.LoadAcquire() != Phase::kOff; }
};

}  // namespace spanheap::collected
