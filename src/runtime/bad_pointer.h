// SPDX-License-Identifier: MIT
//
// The end of a process that gave the heap a pointer to no block: which line it gets.
//
// Idea.  Everything that is known of the address is looked up again here, where time does not
//        matter: whose page it is, what ended there, which block lies around it.
// Tests. tests/death/death_test.cc.
#pragma once

#include "base/fatal.h"
#include "base/platform.h"

namespace spanheap {

// All of this inside a section: it takes locks.

// What is known of the live block of malloc, or of the span, that p lies in; zero: none.
SPANHEAP_COLD BlockFacts FactsOf(const void* p);

// No block of malloc starts at p, or none lives there any more.
[[noreturn]] SPANHEAP_COLD void FailNoBlock(const void* p, const char* call);
// p is not of this heap, as far as its tables tell.
[[noreturn]] SPANHEAP_COLD void FailForeign(const void* p, const char* call);
// Outside of sections: the collected heap is to delete p and has no object there. Returns if malloc
// has no block there either.
SPANHEAP_COLD void FailIfMallocs(const void* p, const char* call);

}  // namespace spanheap
