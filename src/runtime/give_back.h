// SPDX-License-Identifier: MIT
//
// Giving free memory back at once, whoever in the process holds it: what malloc_trim,
// sh_release_memory and an allocation that would fail ask for.
//
// Idea.    First what sleeping threads keep in their caches, then what the calling thread keeps,
//          then what is free for all. Each piece (scavenge/forced_release.h) and each thread is a
//          section of its own: who waits for all threads to be outside (a fork, a report, a stop of
//          the collector) waits for about a millisecond.
// Threads. Any, outside of sections; several at a time find less each.
// Fails.   Nothing is given where the calling thread is in the heap already (a handler).
// Cost.    What the kernel takes for it: a tenth of a millisecond for a MiB and more. For each
//          sleeping thread 20 to 50 microseconds, once.
// Tests.   tests/runtime/give_back_test.cc.
#pragma once

#include "base/units.h"
#include "scavenge/scavenger.h"

namespace spanheap {

// What sleeping threads keep in their caches becomes free for all.
void TrimSleepingThreads();
// What the calling thread keeps does, too. False: it is in the heap already.
bool FlushThisThread();
// About `at_most` bytes of what is free for all go back to the OS. Returns the bytes given.
Bytes ReleaseInPieces(Bytes at_most, ReleaseCause cause);
// Free chunks become inaccessible, where memory counts whether it is backed or not.
void ReleaseChunksInPieces();

}  // namespace spanheap
