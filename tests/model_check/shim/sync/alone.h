// SPDX-License-Identifier: MIT
//
// Stands in for sync/alone.h: the threads under exploration are fibers of one thread, and never
// alone.
#pragma once

namespace spanheap {

inline bool IsAlone() { return false; }

}  // namespace spanheap
