// SPDX-License-Identifier: MIT
//
// Sleeping on a word, and giving way. Private futexes; no libc lock is involved.
#pragma once

#include <cstdint>

#include "base/atomic.h"

namespace spanheap::os {

// Sleeps while `word` holds `expected`. May return early; errno is preserved.
void FutexWait(Atomic<uint32_t>& word, uint32_t expected);
// The same, for `ns` at most.
void FutexWaitFor_ns(Atomic<uint32_t>& word, uint32_t expected, uint64_t ns);
void FutexWakeOne(Atomic<uint32_t>& word);
void FutexWakeAll(Atomic<uint32_t>& word);

// Lets other threads run.
void YieldThread();
// At least so long, unless a signal comes. Under a billion.
void SleepFor_ns(uint64_t ns);
// The `turn`-th wait in a row, from 0 on, for something that another thread is about to do. It is
// over within microseconds unless that thread is not running: then this one must not keep the
// processor from it, as it would under a real-time policy by yielding alone. So it yields at first
// and naps later.
void GiveWay(unsigned turn);
// Tells the core that this is a spin loop.
inline void SpinHint() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace spanheap::os
