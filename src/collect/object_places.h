// SPDX-License-Identifier: MIT
//
// Whether the collector reads a word: for checks in debug builds of programs, which ask before they
// rely on a pointer they have stored.
//
// Threads. Any, inside a section or not; the answer is as of now.
// Tests.   examples/, whose debug builds ask for each pointer outside of a stack.
#pragma once

#include "collect/layout_table.h"
#include "collect/object_finder.h"

namespace spanheap::collected {

enum class Place : uint8_t {
  kNoObject,
  kScanned,  // a word of an object that is read for a pointer
  kHole      // a word of an object that is not
};

Place PlaceOf(const SpanStore& store, LayoutTable& layouts, uintptr_t address);

}  // namespace spanheap::collected
