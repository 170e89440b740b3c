// SPDX-License-Identifier: MIT
//
// Where the code of libc and of the dynamic linker lies, for systems whose libc does not tell which
// object an address belongs to (glibc before 2.35).
//
// Idea.    Both are mapped before any other code runs and stay. The first question reads
//          /proc/self/maps and keeps the executable mappings that hold a function of libc, one of
//          its threads' (a library of its own once), and the first one of the linker.
// Threads. Any. Who asks while another thread reads is told that it cannot be told.
// Fails.   No /proc, a static program: everything is system code.
// Cost.    A file of some KiB, once.
// Tests.   tests/os/service_thread_test.cc.
#pragma once

namespace spanheap::os {

bool IsInSystemText(const void* pc);

}  // namespace spanheap::os
