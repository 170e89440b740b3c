// SPDX-License-Identifier: MIT
//
// Census: what the threads say they took, gave back and keep, added up per class.
//
// Invariants. cached <= out in each class. A block that passes from thread to thread while these
//             are counted one after the other may be seen in two caches: what is too much is left
//             out.
#pragma once

#include <cstdint>

#include "observe/heap_report.h"
#include "runtime/runtime.h"

namespace spanheap {

struct Census {
  uint64_t taken[kMallocClassCount] = {};
  uint64_t returned[kMallocClassCount] = {};
  uint64_t cached[kMallocClassCount] = {};    // in bins and on the shelf
  uint64_t shelved[kMallocClassCount] = {};   // on the shelf: to the threads, they were given back
  uint64_t requests[kMallocClassCount] = {};  // that reached a slow path
  uint64_t requested_bytes[kMallocClassCount] = {};
  uint64_t refills = 0;
  uint64_t flushes = 0;
  uint64_t threads = 0;

  // The threads that keep most.
  unsigned listed = 0;
  ThreadReport per_thread[HeapReport::kMaxThreads];

  // The thread is among those that keep most, if it does.
  void List(const ThreadReport& thread);
  // Counts with every thread outside of the heap's slow paths, and calls `look` (unless null) while
  // they still are: what that reads of spans and pages fits the counts.
  using Look = void (*)(const Census& census, void* context);
  static void Take(Census& census, Look look, void* context);

  // Blocks that left the spans and have not come back.
  uint64_t out(unsigned c) const { return taken[c] - returned[c] + shelved[c]; }
  // How much of `blocks` of the class is rounding, going by the requests that were seen.
  uint64_t WasteOf(unsigned c, uint64_t blocks) const;
  // Of these, in the program's hands.
  uint64_t live(unsigned c) const { return out(c) - cached[c]; }
};

}  // namespace spanheap
