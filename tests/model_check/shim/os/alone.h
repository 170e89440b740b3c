// SPDX-License-Identifier: MIT
//
// Stands in for os/alone.h: the threads under exploration are fibers of one thread, and never
// alone.
#pragma once

namespace spanheap::os {

inline bool IsAlone() { return false; }

}  // namespace spanheap::os
