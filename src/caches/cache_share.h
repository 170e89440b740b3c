// SPDX-License-Identifier: MIT
//
// CacheShare: what one thread's cache may keep, of a bound that holds for all of them together.
//
// Idea.       What a thread keeps is of no use to others. So all threads together keep an eighth of
//             the heap at most, or 64 MiB where that is more, and each the same part of it, 24 MiB
//             at most. The bins of one thread in a few meet their own bounds before. A
//             soft limit lowers it to a quarter of the limit, and while the heap is above its
//             target, to an eighth of that: threads give up what they keep before the limit is
//             passed for their sake.
// Invariants. threads() is the number of blocks between their first refill or flush and
//             ThreadCache::End.
// Threads.    Any. A thread that keeps more than bytes() gives back in its next slow path; until
//             then the bound is passed by what those keep who were there before. An update that
//             comes late leaves a share that is too large or too small until the next one.
// Cost.       A load, in slow paths only. An update is a division and some loads more.
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
  static constexpr uint64_t kPartOfHeap = 8;
  static constexpr uint64_t kPartOfLimit = 4;
  static constexpr uint64_t kPartAboveTarget = 8;

  explicit constexpr CacheShare(const MemoryGauge& gauge) : gauge_(gauge) {}

  // A thread begins, or ends, to keep something.
  void Join();
  void Leave();
  // The share follows the number of threads, the heap and its limit.
  void Update();

  // Relaxed, both: numbers that order nothing.
  uint64_t bytes() const { return bytes_.LoadRelaxed(); }
  uint32_t threads() const { return threads_.LoadRelaxed(); }

 private:
  uint64_t ForAll() const;

  const MemoryGauge& gauge_;
  alignas(kCacheLine) Atomic<uint64_t> bytes_{kMostForOne};
  Atomic<uint32_t> threads_;
};

}  // namespace spanheap
