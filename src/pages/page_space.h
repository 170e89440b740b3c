// SPDX-License-Identifier: MIT
//
// PageTables: what stands beside the heap's pages, indexed by page number in both address modes.
#pragma once

#include "base/atomic.h"
#include "base/platform.h"
#include "base/units.h"
#include "layout/geometry.h"

namespace spanheap {

// What free's fast path reads, in one cache line. Constant after start-up.
struct alignas(kCacheLine) PageTables {
  // Page number of address p: (p - base) / 8 KiB, right for all p in [base, base + linear_bytes).
  Address base;
  size_t linear_bytes = 0;
  // By page number; zero where nothing is. class_of: malloc class of the block that starts there
  // or of the span the page belongs to, 0 = anything unusual. span_of: span record, 0 = none.
  Atomic<uint8_t>* class_of = nullptr;
  Atomic<uint32_t>* span_of = nullptr;
};

}  // namespace spanheap
