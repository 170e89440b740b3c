// SPDX-License-Identifier: MIT
//
// The stop signal's handler, where a delayed stop is obeyed, and where a thread looks whether it is
// asked to stop.
//
// Idea.    The handler first sends the thread back to the beginning of a store sequence it may be
//          in (mutators/store_ranges.h). Then it waits if somebody wants to hold the thread; or,
//          if the thread is inside a StopDelay, leaves a mark and returns. Signals that were not
//          ours go on to the handler that was there before; one of ours without a request is a
//          duplicate.
// Threads. Async-signal-safe: no lock, no allocation, raw futexes; errno is kept.
#pragma once

#include <csignal>

#include "mutators/mutator.h"

namespace spanheap {

void HandleStopSignal(int signal, siginfo_t* info, void* context);
void StopAtEndOfDelay();

// By a thread where a signal might stop it, too: if it is asked, it answers now. Relaxed: a request
// that is not seen here is followed by a signal.
void AnswerPoll();
inline void PollStop(const Mutator& self) {
  if (self.request.LoadRelaxed() != nullptr) [[unlikely]]
    AnswerPoll();
}

}  // namespace spanheap
