// SPDX-License-Identifier: MIT
//
// PageRun: neighbouring heap pages handed out or taken back as one.
#pragma once

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

}  // namespace spanheap
