// SPDX-License-Identifier: MIT
//
// CollectedClassAccount: what the spans of one class of collected objects hold: the rows of the
// library's report, and what only a look from outside tells of them.
//
// Invariants. As src/observe/collected_report.h.
// Tests.      tests/tools/explain_collected_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "spanheap/detail/report_names.h"
#include "spanheap/look/heap_image.h"
#include "spanheap/look/residency.h"

namespace spanheap::look {

struct CollectedClassAccount {
  static constexpr size_t kBuckets = 10;
#define SPANHEAP_MEMBER(name, label) uint64_t name = 0;
  SH_COLLECTED_CLASS(SPANHEAP_MEMBER)
#undef SPANHEAP_MEMBER
  std::array<uint64_t, kBuckets> spans_by_use{};  // bucket i: i to i + 1 tenths of the slots live
  uint64_t resident = 0;
};

// Classes without spans are left out; large objects (block_bytes 0) come first.
std::vector<CollectedClassAccount> CollectedClassesOf(const HeapImage& image,
                                                      const Residency& residency);

}  // namespace spanheap::look
