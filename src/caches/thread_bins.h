// SPDX-License-Identifier: MIT
//
// ThreadBins: what malloc and free of one thread touch: a stack of free blocks per class.
//
// Idea.       A bin is a pointer to the top of its stack. The lowest slot always holds null, so
//             that reading the top block also answers "empty?". `limit` is where the bin counts as
//             full; class 0's bin, which stands for anything unusual, is always both. So is every
//             bin of kEmptyBins, which a thread points to before it has a block of its own, after
//             it has given it back, and while it is inside a slow path: the fast paths need no
//             test for any of these.
// Invariants. *top is the block last pushed, or null at the bottom. top never passes limit.
//             The slot is written before top moves, so that a snapshot (fork) finds real blocks.
// Threads.    Written by the owner only; others read tops for statistics.
// Go.         mcache.go; the stacks of pointers are ours.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "layout/malloc_classes.h"

namespace spanheap {

// So many blocks ahead of its turn the first line of a block is asked for: a program writes to what
// it gets, and what was freed in no order lies in no order. Measured: 2 is worse; 8 and 12 help
// where all blocks miss the second cache, and cost where they are larger than a page.
constexpr int kBlocksAhead = 4;

struct ThreadBins {
  Atomic<void**> tops[kMallocClassCount];
  void** limits[kMallocClassCount];
  // Bytes until the next sample for the allocation profile; owner only. Below 0: take one.
  int64_t sample_countdown;
};

// The owner's top of bin `c` moves up by a slot, after all earlier stores: one instruction on
// x86-64, so that free gets by with the registers it has. (Malloc stores the new top instead: a row
// of mallocs, each waiting for the last one's addition in memory, took twice as long.)
SPANHEAP_ALWAYS_INLINE void RaiseTop(ThreadBins& bins, size_t c) {
  if constexpr (kStepsInPlace) {
    asm volatile("addq %2, (%0,%1,8)"
                 :
                 : "r"(bins.tops), "r"(c), "i"(sizeof(void*))
                 : "memory", "cc");
  } else {
    bins.tops[c].StoreRelease(bins.tops[c].LoadRelaxed() + 1);
  }
}

// The owner's top of bin `c` is `top` from here on. On x86-64 with the address formed in the store.
SPANHEAP_ALWAYS_INLINE void LowerTop(ThreadBins& bins, size_t c, void** top) {
  if constexpr (kStepsInPlace) {
    asm volatile("movq %2, (%0,%1,8)" : : "r"(bins.tops), "r"(c), "r"(top) : "memory");
  } else {
    bins.tops[c].StoreRelease(top);
  }
}

extern const ThreadBins kEmptyBins;

// One pointer that the fast paths follow, one that finds the thread's block from a slow path.
struct ThreadBlock;
struct ThreadAnchor {
  // Never null. Written by the thread, and, while the thread's slow paths are kept out, by who
  // trims its caches (runtime/idle_caches.h).
  Atomic<ThreadBins*> bins;
  ThreadBlock* block;  // null: not attached yet
  bool exited;         // the block was given back: the thread is in its last destructors
  bool is_service;     // a thread of the heap's own (runtime/service_thread.h)
  uint8_t fork_state;  // runtime/fork_turn.h: these two
  uint8_t handler_forks;
  uint32_t occupied;  // above 0: the thread is where its signal handlers must not come in
  uint32_t presence;  // above 0: the thread may open sections (runtime/thread_registry.h)
};
extern constinit thread_local ThreadAnchor this_thread;

}  // namespace spanheap
