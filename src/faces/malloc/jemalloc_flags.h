// SPDX-License-Identifier: MIT
//
// The flags word of jemalloc's extended calls: bits 0..5 the logarithm of an alignment, bit 6 zero
// fill; the higher bits choose one of jemalloc's caches and arenas, which mean nothing here.
#pragma once

#include <cstddef>

namespace spanheap::face {

struct JemallocFlags {
  int bits;

  // At least 1.
  size_t alignment() const { return size_t{1} << (bits & 0x3f); }
  bool zero() const { return (bits & 0x40) != 0; }
};

}  // namespace spanheap::face
