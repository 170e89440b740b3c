// SPDX-License-Identifier: MIT
//
// LockRank: the one order in which locks are taken. A thread may lock only what ranks higher than
// everything it holds; debug builds check each lock call. Fork takes them in this order, too.
#pragma once

#include <cstdint>

namespace spanheap {

// The rank of central lists is zero: there are hundreds of them, all zero until they are used, and
// what is zero is no part of the library's file.
enum class LockRank : int8_t {
  kReport = -11,     // the report of an epoch: counting it and reading from it
  kCollectedStart,   // one-time initialisation of the collected heap; fork keeps it out, too
  kWorld,            // the right to stop all threads of the collected heap
  kMutators,         // their list: attach, detach, and as long as the world is stopped
  kRoots,            // slabs and ranges of roots
  kStartUp,          // one-time initialisation of the runtime; fork keeps it out, too
  kThreads,          // the list of thread blocks: attach, detach, walk
  kThreadBlock,      // one thread's caches, while somebody else than the owner may look at them
  kScavenger,        // the turn to give memory back: tried, never waited for
  kPace,             // when the collector's next cycle is due
  kSpecials,         // what is known of single collected objects, and what is to be run for them
  kCentralList,      // one size class's lists of partly used spans
  kLargeBlocks,      // the region of blocks of 32 MiB and more
  kCollectedTables,  // making the collector's side tables ready: held across the call
  kPageSpace,        // growth: reservation of address space and the tables beside it
  kPageHeap,         // page bitmaps and summaries
  kSpanGrowth,       // making more records ready
  kSpanRecords,      // which records are somebody's
  kMetadata,         // bump allocation of what is never freed
  kLeaf,             // takes no other lock
};
static_assert(LockRank::kCentralList == LockRank{0});

}  // namespace spanheap
