// SPDX-License-Identifier: MIT
//
// Environment variables without libc's help: works before libc has set `environ` (the dynamic
// linker allocates that early), when they are read from the kernel's copy instead.
//
// Threads. As getenv: a program that changes its environment meanwhile races.
// Cost.    A walk over the variables; before `environ` is there, also reading /proc/self/environ.
// Tests.   tests/os/environment_test.cc.
#pragma once

#include <cstddef>

namespace spanheap::os {

// Copies the value of `name` to `value`, cut to `capacity` with its closing zero. Returns the full
// length of the value, or -1 (and an empty `value`) if there is no such variable.
// Whether the environment may be trusted is for the caller to ask (os/limits.h, IsSecureProcess).
long ReadEnvironment(const char* name, char* value, size_t capacity);

// The same from a file of zero-ended "name=value" texts, shaped as /proc/<pid>/environ.
long ReadEnvironmentFile(const char* path, const char* name, char* value, size_t capacity);

}  // namespace spanheap::os
