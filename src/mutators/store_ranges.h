// SPDX-License-Identifier: MIT
//
// Store ranges: where the sequences "test the flag, store" of all loaded modules lie.
//
// Idea.    Each module hands over its section of pairs when it is loaded; a sorted copy is kept. A
//          program counter strictly inside a range has tested and not stored: it goes back to the
//          beginning. At the beginning nothing was done, at the end everything.
// Threads. Registering: any, under a lock. RestartAddress: async-signal-safe; it reads only what
//          is complete and never given back.
// Fails.   No memory for a module's copy: the process ends, since stores could be lost silently.
// Cost.    A comparison with the bounds of each module, then a binary search.
// Tests.   tests/mutators/store_ranges_test.cc, store_sequence_test.cc.
#pragma once

#include <cstdint>

namespace spanheap {

// Pairs of distances, [begin, end), as the object file has them.
void AddStoreRanges(const int32_t* begin, const int32_t* end);
void RemoveStoreRanges(const int32_t* begin);
// Around a fork, the world stopped: no thread that the child will not have is in these calls.
void BeginKeepingStoreRanges();
void EndKeepingStoreRanges();
// Where to go on: `address` itself unless it is strictly inside a range.
uintptr_t RestartAddress(uintptr_t address);

}  // namespace spanheap
