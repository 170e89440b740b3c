// SPDX-License-Identifier: MIT
//
// Census: what the threads say they took, gave back and keep, added up per class.
//
// Invariants. cached <= out in each class. A block that passes from thread to thread while these
//             are counted one after the other may be seen in two caches: what is too much is left
//             out.
#pragma once

#include <cstdint>

#include "runtime/runtime.h"

namespace spanheap {

struct Census {
  uint64_t taken[kMallocClassCount] = {};
  uint64_t returned[kMallocClassCount] = {};
  uint64_t cached[kMallocClassCount] = {};   // in bins and on the shelf
  uint64_t shelved[kMallocClassCount] = {};  // on the shelf: to the threads, they were given back
  uint64_t refills = 0;
  uint64_t flushes = 0;
  uint64_t threads = 0;

  // Counts with every thread outside of the heap's slow paths, and calls `look` (unless null) while
  // they still are: what that reads of spans and pages fits the counts.
  using Look = void (*)(const Census& census, void* context);
  static void Take(Census& census, Look look, void* context);

  // Blocks that left the spans and have not come back.
  uint64_t out(unsigned c) const { return taken[c] - returned[c] + shelved[c]; }
  // Of these, in the program's hands.
  uint64_t live(unsigned c) const { return out(c) - cached[c]; }
};

}  // namespace spanheap
