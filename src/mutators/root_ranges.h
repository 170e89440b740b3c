// SPDX-License-Identifier: MIT
//
// RootRanges: stretches of the program's memory in which each aligned word may be a pointer.
//
// Idea.       A table of ranges under a lock. They are scanned in slices, and the lock is held for
//             a slice: who removes a range waits so long, and may free the memory afterwards.
// Invariants. G1 in an epoch each range is scanned once, those that come during it, too, and those
//             that go. G2 stores into a range go through the barrier, so it need not be scanned
//             again.
// Threads.    Add and Remove: any (they open a StopDelay). ScanNext: who is no mutator, or parked.
//             BeginEpoch: while the world is stopped.
// Fails.      Add, without memory. Remove checks that the range was added.
// Cost.       Add: constant. Remove: a look at each range, so this is for hundreds of them.
// Go.         mgcmark.go: data and bss blocks.
// Tests.      tests/mutators/root_ranges_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/annotations.h"
#include "base/atomic.h"
#include "mutators/word_ranges.h"
#include "sync/mutex.h"

namespace spanheap {

struct Mutator;

class RootRanges {
 public:
  // Short enough not to be felt by who waits, long enough to be worth a lock.
  static constexpr uintptr_t kSlice = 32 << 10;

  constexpr RootRanges() = default;
  RootRanges(const RootRanges&) = delete;
  RootRanges& operator=(const RootRanges&) = delete;

  // Rounded inwards to whole words.
  bool Add(uintptr_t low, uintptr_t high);
  // False: there is no such range. What nobody has scanned yet is remembered by `self`, the calling
  // thread, if it is given.
  bool Remove(uintptr_t low, uintptr_t high, Mutator* self);

  // From here on all ranges are to be scanned.
  void BeginEpoch();
  // Shades a slice, and adds up the bytes; false: all are done.
  bool ScanNext(ShadeWords shade, void* argument, uint64_t& bytes);

  // Whether the address lies in a range.
  bool Holds(uintptr_t address);

 private:
  struct Range {
    uintptr_t low;  // 0: free
    uintptr_t high;
    uintptr_t done;  // scanned up to here in this epoch
  };
  struct Block {
    static constexpr size_t kRanges = 170;
    Block* next;
    uint32_t used;
    Range ranges[kRanges];
  };
  struct Place {
    Block* block;
    size_t index;
  };

  bool AddLocked(uintptr_t low, uintptr_t high) REQUIRES(mutex_);
  bool Grow();
  // The first range in the order of the table for which `wanted` holds.
  template <class Wanted>
  Place FindLocked(Wanted&& wanted) REQUIRES(mutex_);

  Mutex mutex_{LockRank::kRoots};
  Block* first_ GUARDED_BY(mutex_) = nullptr;
  Block* spare_ GUARDED_BY(mutex_) = nullptr;    // linked by `next`
  Range* current_ GUARDED_BY(mutex_) = nullptr;  // begun, not finished
  size_t unscanned_ GUARDED_BY(mutex_) = 0;      // ranges not finished in this epoch
};

}  // namespace spanheap
