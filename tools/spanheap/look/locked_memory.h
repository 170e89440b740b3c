// SPDX-License-Identifier: MIT
//
// LockedMemory: how much of a process is locked (mlock, mlockall): what is locked does not go back.
//
// Tests. tests/tools/explain_test.py.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace spanheap::look {

struct LockedMemory {
  static constexpr uint64_t kNone = ~uint64_t{0};

  uint64_t bytes = 0;      // of addresses, reserved ones, too: so the kernel counts
  uint64_t limit = kNone;  // RLIMIT_MEMLOCK; it does not bind who has CAP_IPC_LOCK
};

// All zero and no limit if the process has gone.
LockedMemory LockedMemoryOf(pid_t pid);

}  // namespace spanheap::look
