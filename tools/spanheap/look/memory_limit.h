// SPDX-License-Identifier: MIT
//
// MemoryLimit: how much memory a process may use, by its control group and the groups around it.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace spanheap::look {

// Bytes, the least of all groups' limits (version 1 or 2); 0: there is none, or none to be seen.
uint64_t MemoryLimitOf(pid_t pid);

}  // namespace spanheap::look
