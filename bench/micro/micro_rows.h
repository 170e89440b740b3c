// SPDX-License-Identifier: MIT
//
// The groups of rows that make up the `micro` program; each is defined in the file of its name.
#pragma once

#include <span>

#include "bench/harness/row.h"

namespace spanheap::bench {

std::span<const Row> PairRows();      // hot pair, first in first out, stack order, shuffled
std::span<const Row> LifetimeRows();  // random lifetime and random replacement
std::span<const Row> GrowRows();      // calloc and growing realloc
std::span<const Row> ThreadRows();    // between threads, and thread start and exit
std::span<const Row> PlaceRows();     // locality, and resident bytes per requested byte

}  // namespace spanheap::bench
