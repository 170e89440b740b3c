// SPDX-License-Identifier: MIT
//
// The control groups of this process (os/cgroup.h), looked for once by the first who asks.
//
// Threads. Any. Who asks while another thread looks for them looks for itself.
// Cost.    The first call: two files of some KiB. Later ones: a small file or two per level.
// Tests.   tests/os/own_groups_test.cc.
#pragma once

#include "os/cgroup.h"

namespace spanheap::os {

// The least limit on this process; kUnlimited: there is none.
Bytes ReadGroupLimit();
// Limit, room and pressure.
GroupState ReadGroupState();
// In a forked child: it may be moved to other groups; the next call looks again.
void ForgetGroupsInChild();

}  // namespace spanheap::os
