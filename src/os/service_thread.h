// SPDX-License-Identifier: MIT
//
// A thread of the library's own: detached, deaf to signals, with a small stack and a name.
//
// Threads. Start takes locks of libc (its list of stacks, the table of thread variables) and calls
//          malloc: never from where libc or the dynamic linker may hold them. IsSystemCode tells
//          whether a call came from there.
// Fails.   False: no thread can be had now. Programs without a dynamic linker cannot tell callers
//          apart: everything is system code there.
// Tests.   tests/os/service_thread_test.cc, tests/stress/background.cc.
#pragma once

namespace spanheap::os {

// Runs `body(argument)` in a new thread. `name` has at most 15 characters.
bool StartServiceThread(void (*body)(void*), void* argument, const char* name);

// True if the code at `pc` belongs to libc or the dynamic linker, or cannot be told.
bool IsSystemCode(const void* pc);

// Who is left beside the calling thread. The first thread may have ended (pthread_exit) while
// others keep the process alive; it still counts for the kernel. Reads /proc; kAll when it cannot.
enum class Others : unsigned char { kAll, kNotTheFirst, kNone };
Others OtherThreads();

}  // namespace spanheap::os
