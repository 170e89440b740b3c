// SPDX-License-Identifier: MIT
//
// Threads of the library's own: detached, deaf to signals, with a name. And what the system says of
// the process's threads altogether.
//
// Threads. Start takes locks of libc (its list of stacks, the table of thread variables) and calls
//          malloc: never from where libc or the dynamic linker may hold them. IsSystemCode tells
//          whether a call came from there.
// Fails.   False: no thread can be had now. Programs without a dynamic linker cannot tell callers
//          apart: everything is system code there.
// Tests.   tests/os/service_thread_test.cc, tests/stress/background.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spanheap::os {

// A thread to be. It stays where it is, and while the thread begins as it is.
struct ServiceThread {
  void (*run)(void*);
  void* argument;
  const char* name;        // at most 15 characters
  size_t stack_bytes = 0;  // 0: as libc gives the program's threads
};

// Runs `thread.run(thread.argument)` in a new thread, with all signals blocked: none of the
// program's handlers runs on it.
bool Start(const ServiceThread& thread);

// True if the code at `pc` belongs to libc or the dynamic linker, or cannot be told.
bool IsSystemCode(const void* pc);

// Libc knows of one thread, and goes without locks and atomics therefore. False where it does not
// tell, and for good once there was another.
bool HasOneThread();

// The process's first thread may have ended (pthread_exit) while others keep the process alive. The
// kernel then counts it all the same; this does not.
struct ThreadsLeft {
  uint32_t count = 0;
  bool has_first_ended = false;
};
// Reads a file of /proc, in 20 to 50 microseconds. False: it is not there, or not as expected.
bool CountThreads(ThreadsLeft& left);
// The same from the text of /proc/PID/stat.
bool ReadThreads(const char* stat, ThreadsLeft& left);
// The calling thread is the process's first one. In a forked child that is the one that forked.
bool IsFirstThread();

}  // namespace spanheap::os
