// SPDX-License-Identifier: MIT
//
// Whether another thread of the process, which sleeps, is inside a signal handler.
//
// Idea.   The kernel puts the address of the code that ends a handler onto the stack below it: one
//         place in libc for all handlers that are set through it. Who has that word between the
//         lowest byte of its stack and the highest is in a handler, or was and its frame is not
//         overwritten yet; who has it not is in none, whatever flags handlers have, whichever are
//         gone meanwhile, and whatever the thread blocks.
// Limits. Handlers that a program sets by bare system calls with a return code of its own, and
//         replaces while one of them runs, are not seen; nor is one that runs on an alternate stack
//         and sleeps after it has switched to another stack (swapcontext).
// Fails.  Says yes where it cannot tell: an alternate stack or a fiber's, more than 1 MiB of stack
//         in use, a kernel that does not let a process read itself.
// Cost.   A system call for each signal, and one for each 4 KiB of the stack in use.
// Tests.  tests/os/sleeper_test.cc.
#pragma once

#include <cstdint>

#include "base/platform.h"

namespace spanheap::os {

// Elsewhere the address lies in code of the kernel's own, which libc does not tell.
#if defined(__x86_64__)
inline constexpr bool kFindsSignalFrames = !kHandlersComeLate;
#else
inline constexpr bool kFindsSignalFrames = false;
#endif

// `low`: the stack pointer of a thread that sleeps throughout; `variables`: an address among its
// thread-local variables, which libc keeps above its stack (the first thread's lie elsewhere).
bool MayHoldSignalFrame(uintptr_t low, uintptr_t variables);

}  // namespace spanheap::os
