// SPDX-License-Identifier: MIT
//
// The stop signal's handler, and where a delayed stop is obeyed.
//
// Idea.    The handler first sends the thread back to the beginning of a store sequence it may be
//          in (mutators/store_ranges.h). Then it waits if somebody wants to hold the thread; or,
//          if the thread is inside a StopDelay, leaves a mark and returns. Signals that were not
//          ours go on to the handler that was there before; one of ours without a request is a
//          duplicate.
// Threads. Async-signal-safe: no lock, no allocation, raw futexes; errno is kept.
#pragma once

#include <csignal>

namespace spanheap {

void HandleStopSignal(int signal, siginfo_t* info, void* context);
void StopAtEndOfDelay();

}  // namespace spanheap
