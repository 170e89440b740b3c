// SPDX-License-Identifier: MIT
//
// CacheShare: what one thread's cache may keep, of a bound that holds for all of them together.
//
// Idea.       What a thread keeps is of no use to others. So all threads together keep an eighth of
//             the heap, or 64 MiB where that is more. As long as their sum is below that, each may
//             keep 24 MiB; from then on, until it is a quarter below, each the same part of the
//             bound. Threads that keep little leave others theirs, however many they are.
//             A soft limit lowers the bound to a quarter of the limit, and while the heap is above
//             its target to half of that: threads give up what they keep before the limit is passed
//             for their sake.
// Invariants. threads() is the number of blocks between their first refill or flush and
//             ThreadCache::End, kept() the sum of what they have noted.
// Threads.    Any. A thread that keeps more than bytes() gives back in its next slow path; until
//             then the bound is passed by what those keep who were there before. A thread notes
//             what it keeps by steps of 64 KiB, in slow paths: large runs that it keeps without one
//             are known at the next, or when no more may be kept.
// Cost.       A load in slow paths, and where large runs are kept; a sum that all share for each
//             step.
// Go.         None; max_total_thread_cache_bytes of gperftools and tcmalloc.
// Tests.      tests/caches/cache_share_test.cc, thread_cache_test.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "pages/memory_gauge.h"

namespace spanheap {

class CacheShare {
 public:
  // Of a small heap. More keeps more of the swings of many busy threads away from the spans; less
  // makes programs of many threads smaller. With 8 threads it comes to 8 MiB each.
  static constexpr uint64_t kLeastForAll = uint64_t{64} << 20;
  // However few they are. More keeps more large blocks of one thread away from the page heap.
  static constexpr uint64_t kMostForOne = uint64_t{24} << 20;
  // However many: a span of each of some classes, and their first blocks. Less, and a thread that
  // uses several classes does nothing but fetch and give back.
  static constexpr uint64_t kLeastForOne = uint64_t{256} << 10;
  static constexpr uint64_t kPartOfHeap = 8;
  static constexpr uint64_t kPartOfLimit = 4;
  static constexpr uint64_t kPartAboveTarget = 2;

  explicit constexpr CacheShare(const MemoryGauge& gauge) : gauge_(gauge) {}

  // A thread begins to keep something, or ends and has noted that it keeps nothing.
  void Join();
  void Leave();
  // A thread keeps so much more, or less: sums wrap round.
  void Note(uint64_t more);
  // The share follows the number of threads, the heap and its limit.
  void Update();

  // Relaxed, all: numbers that order nothing.
  uint64_t bytes() const { return bytes_.LoadRelaxed(); }
  uint32_t threads() const { return threads_.LoadRelaxed(); }
  uint64_t kept() const { return kept_.LoadRelaxed(); }

 private:
  uint64_t ForAll() const;

  const MemoryGauge& gauge_;
  alignas(kCacheLine) Atomic<uint64_t> bytes_{kMostForOne};
  // Away from what every slow path reads.
  alignas(kCacheLine) Atomic<uint64_t> kept_;
  Atomic<uint32_t> threads_;
  Atomic<bool> is_tight_;  // the sum has reached the bound
};

}  // namespace spanheap
