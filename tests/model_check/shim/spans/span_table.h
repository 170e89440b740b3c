// SPDX-License-Identifier: MIT
//
// Stands in for the header of the same name when code is explored: a handful of records in place.
#pragma once

#include <cstdint>

#include "spans/span.h"

namespace spanheap {

class SpanTable {
 public:
  static constexpr uint32_t kRecords = 2;  // 1 .. kRecords; 0 is no span

  Span& At(uint32_t index) const { return const_cast<Span&>(spans_[index]); }
  uint32_t IndexOf(const Span* span) const { return static_cast<uint32_t>(span - spans_); }

 private:
  Span spans_[kRecords + 1];
};

}  // namespace spanheap
