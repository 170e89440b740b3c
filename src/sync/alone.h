// SPDX-License-Identifier: MIT
//
// Whether at most one thread may be inside core sections: then what others might see meanwhile
// needs no atomic read-modify-write, which is most of the cost of many short slow paths.
//
// Idea.       Whoever counts the threads that may open sections says so
//             (runtime/thread_registry.h). Libc's own flag would turn false for good with the first
//             thread of any kind, also one of the heap's own that sleeps nearly always.
// Invariants. It turns false only while the gate is closed and nobody is in a section, so it does
//             not turn false within one. It may turn true within one.
// Threads.    Read inside sections. False until somebody counts.
#pragma once

#include "base/atomic.h"

namespace spanheap {

extern constinit Atomic<bool> is_alone [[gnu::visibility("hidden")]];

// Acquire: what the thread before the last one did is seen.
inline bool IsAlone() { return is_alone.LoadAcquire(); }

// By the counter of threads; false: with the gate closed and everyone outside.
inline void SetAlone(bool alone) { is_alone.StoreRelease(alone); }

}  // namespace spanheap
