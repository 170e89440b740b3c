// SPDX-License-Identifier: MIT
//
// The groups of rows that make up the `programs` program; each is defined in the file of its name.
#pragma once

#include <span>

#include "bench/harness/row.h"

namespace spanheap::bench {

std::span<const Row> ServerRows();   // larson, mstress: threads that come, pass blocks on and go
std::span<const Row> MessageRows();  // pipeline: messages through three threads
std::span<const Row> SharingRows();  // false sharing of cache lines
std::span<const Row> IdleRows();     // what threads that wait cost

}  // namespace spanheap::bench
