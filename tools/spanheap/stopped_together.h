// SPDX-License-Identifier: MIT
//
// StopWith: this process stopped for as long as its child is.
//
// Idea.    A stopped process cannot see that its child goes on. A helper can, which lives as long
//          as the stop: it looks at the child's state again and again and continues this process
//          when the child runs, or has ended. Whoever continues this process continues the child.
// Threads. One, with SIGCONT blocked; others may exist.
// Fails.   Without a helper (no more processes) this process does not stop.
// Tests.   tests/tools/launch_test.py.
#pragma once

#include <sys/types.h>

namespace spanheap::tools {

void StopWith(pid_t child);

}  // namespace spanheap::tools
