// SPDX-License-Identifier: MIT
//
// CollectedSpan: the record of a run of pages that holds collected objects. One cache line.
//
// Idea.       The bits stand in the side tables; the record holds what the kind byte does not
//             tell: where the span begins, whether this cycle has swept it, who holds it.
// Invariants. C1 A span is held by one thread's cache, or in one list of its kind, or in the hands
//             of the one who swept it, or free. C2 `swept` is the heap's generation h (swept), h-2
//             (to be swept) or h-1 (being swept). C3 No span is freed while marking.
// Threads.    Geometry is constant while the span lives. The links belong to the lock of the
//             kind's lists; the specials to the specials' lock.
// Go.         mheap.go mspan. Held spans keep their generation here: the holder sweeps like anyone.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "base/units.h"

namespace spanheap::collected {

struct Special;

struct alignas(kCacheLine) CollectedSpan {
  PageIndex first;
  Pages pages;
  Atomic<uint32_t> swept;                // generation; see C2
  Atomic<uint32_t> type_id;              // large objects; 0: not to be scanned
  Atomic<uint32_t>* type_ids = nullptr;  // kTyped slots; 0: not to be scanned
  Atomic<size_t> bytes;                  // large objects: bytes asked for; 0 of a record not in use
  Special* specials = nullptr;
  uint32_t next = 0;      // in the list, or of free records
  uint32_t previous = 0;  // in the list
  uint8_t kind = 0;       // 0: the record is free
  bool is_listed = false;
  Atomic<uint8_t> is_held;       // by a thread's cache
  Atomic<uint8_t> has_specials;  // a hint that is never wrong about "none" when nobody adds
  bool needs_zero = false;       // free slots may hold old content; holder or sweeper only
  bool is_new = false;           // nothing in it was there when it was swept last; sweeper only
  bool has_finalizers = false;   // or had, while it has specials; under the specials' lock
  Atomic<uint32_t>
      waiting;  // finalizers and destructors of its objects, queued or running; written
                // under the specials' lock
};
static_assert(sizeof(CollectedSpan) == kCacheLine);

}  // namespace spanheap::collected
