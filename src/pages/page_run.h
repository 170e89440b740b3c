// SPDX-License-Identifier: MIT
//
// PageRun: neighbouring heap pages handed out or taken back as one.
#pragma once

#include "base/bits.h"
#include "base/units.h"

namespace spanheap {

struct PageRun {
  PageIndex first;
  Pages count;          // 0: none
  Pages scavenged;      // of these: not backed by the OS
  bool zeroed = false;  // every page of the run is known to read as zero
  // With count 0: there may be pages, but the heap may not take in more memory.
  bool over_limit = false;

  explicit operator bool() const { return count.value != 0; }
  PageIndex end() const { return first + count; }
};

// Where a run may begin: at pages whose number plus `offset` is a multiple of `pages`.
struct PageAlignment {
  uint64_t pages = 1;   // a power of two
  uint64_t offset = 0;  // the address of page 0, in pages, where addresses are what counts

  // The first such page from `page` on.
  constexpr uint64_t NextAt(uint64_t page) const { return RoundUp(page + offset, pages) - offset; }
};

}  // namespace spanheap
