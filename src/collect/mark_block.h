// SPDX-License-Identifier: MIT
//
// MarkBlock: what a marker reads and writes of a page, in two cache lines that come together.
//
// Picture.    slots      line 1                                            line 2
//             to 128     2 words marked, 2 scanned, 2 allocated, owner     -
//             to 192     3 marked, owner, 3 allocated                      3 scanned
//             to 256     4 marked, 4 allocated                             4 scanned, owner
//             to 448     7 marked, owner                                   7 scanned
//             to 512     8 marked                                          8 scanned
//             to 1024    16 marked: slots of 8 bytes, which hold no pointers
//             Allocated bits and owner lie elsewhere where they are not named (side_tables.h).
// Idea.       Who marks an object looks whether it is allocated, sets its bit, and asks who has
//             queued its page: one line for all of it where the slots are few.
// Tests.      tests/collect/side_tables_test.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"

namespace spanheap::collected {

struct alignas(128) MarkBlock {
  static constexpr unsigned kWords = 16;
  static constexpr unsigned kAllocated = 4;     // the first allocated word, if they are here
  static constexpr unsigned kScannedOfFew = 2;  // the first scanned word of at most 128 slots
  static constexpr unsigned kScanned = 8;       // and of more

  // The owner's word beside bits of `n` words each; 0: there is none.
  static constexpr uint8_t OwnerWord(unsigned n) {
    if (n >= kScanned) return 0;
    if (n == kAllocated) return kWords - 1;
    return n > kScannedOfFew && n < kAllocated ? static_cast<uint8_t>(n) : kScanned - 1;
  }

  Atomic<uint64_t> words[kWords];
};

}  // namespace spanheap::collected
