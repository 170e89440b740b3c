// SPDX-License-Identifier: MIT
//
// Whether another thread of the process sleeps in a system call, and not inside a signal handler.
//
// Idea.    The kernel says of a thread whether it is blocked in a system call, how often it has
//          gone to sleep, and where its stack is. The same count before and after means that it
//          slept throughout. What is on its stack says whether it is in a handler
//          (os/signal_frames.h). Where that cannot be told, the signals it blocks do: while a
//          handler runs its signal is blocked; so a thread that blocks no handled signal but those
//          it blocked when it was known to be in no handler is in none now. Handlers that do not
//          block their signal (SA_NODEFER) or that are gone once called (SA_RESETHAND) leave no
//          trace: where a process has one, nothing is claimed. But for SIGSEGV, SIGBUS, SIGFPE,
//          SIGILL and SIGABRT: they come from the instruction or the call that runs, which is none
//          of the heap's fast paths.
// Limits.  By blocked signals: a handler that unblocks its own signal or is taken away while it
//          runs, and then sleeps, is not seen; nor one for a signal that the thread did not block
//          any more; nor one of those five, open to itself, for a signal that another thread sent.
// Fails.   False when /proc or one of its files is not there.
// Cost.    Three small files: 20 to 50 microseconds.
// Tests.   tests/os/sleeper_test.cc.
#pragma once

#include <cstdint>

namespace spanheap::os {

// ThreadSanitizer does not know that a membarrier orders what threads do before and after it.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kMembarrierIsSeen = false;
#else
inline constexpr bool kMembarrierIsSeen = true;
#endif

// Signals the calling thread blocks, bit n - 1 for signal n.
uint64_t BlockedSignals();
void SetBlockedSignals(uint64_t mask);

// False if the process has a handler that runs with its own signal open and may have interrupted
// anything.
bool HandlersBlockTheirSignals();

// What is known of a thread to be looked at.
struct Thread {
  uint32_t id = 0;
  uint64_t blocked = 0;     // signals it blocked while it was known to be in no handler
  uintptr_t variables = 0;  // an address among its thread-local variables
};
// True only if the thread slept in one system call during a part of this call, outside of every
// handler.
bool IsAsleep(const Thread& thread);

// False: no thread of the process has this number any more.
bool IsThere(uint32_t thread_id);

// How often the thread was given a processor so far; 0 when the kernel does not tell. One file of a
// line: a few microseconds.
uint64_t RunsOf(uint32_t thread_id);

}  // namespace spanheap::os
