// SPDX-License-Identifier: MIT
//
// Which pages of a chunk to give back next: the highest run that is free and still backed.
//
// Idea.   A run is cut to what is asked for, from its upper end, but a huge page that is wholly
//         free and backed is never broken: the cut moves down to its start. Several heap pages may
//         share one OS page: then only whole OS pages count.
// Go.     pallocData.findScavengeCandidate in mgcscavenge.go.
// Tests.  tests/pages/scavenge_candidate_test.cc.
#pragma once

#include "base/units.h"
#include "pages/page_chunk.h"

namespace spanheap {

// What the OS gives and takes memory in, in heap pages.
struct ReleaseUnits {
  uint32_t os_page = 1;    // heap pages per OS page: a power of two, 1..64
  uint32_t huge_page = 0;  // heap pages per huge page; 0: none, or no larger than these units
};
// Huge pages larger than a chunk, or no larger than the other pages, are not considered.
ReleaseUnits ReleaseUnitsFor(Bytes os_page, Bytes huge_page);

struct ScavengeCandidate {
  uint32_t first = 0;
  uint32_t count = 0;  // 0: none
};

// About `at_most` pages: at least one unit, more where a huge page would break.
ScavengeCandidate FindScavengeCandidate(const PageChunk& chunk, uint32_t at_most,
                                        ReleaseUnits units);
// The highest huge page of the chunk that is wholly free with at least one page backed.
ScavengeCandidate FindFreeHugePage(const PageChunk& chunk, ReleaseUnits units);

// Every aligned group of `group` bits (a power of two up to 64) that holds a one becomes all ones.
uint64_t FillGroups(uint64_t bits, unsigned group);

}  // namespace spanheap
