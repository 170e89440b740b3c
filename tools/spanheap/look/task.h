// SPDX-License-Identifier: MIT
//
// Tasks: what the kernel calls the threads of a process.
//
// Tests. tests/tools/explain_test.py.
#pragma once

#include <sys/types.h>

namespace spanheap::look {

// Its state's letter, as ps shows it; 'X': it is gone.
char StateOf(pid_t task);

// The task by which a process's memory can be reached: its first one, unless that has ended and
// left others behind (pthread_exit in main).
pid_t TaskWithMemory(pid_t pid);

}  // namespace spanheap::look
