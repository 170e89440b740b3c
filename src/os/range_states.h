// SPDX-License-Identifier: MIT
//
// RangeStates: which state each address is in, as a sorted array of ranges; neighbours of one
// state are one range, as in the kernel's own list.
//
// Fails. More than kCapacity ranges are our bug (Check).
// Cost.  Linear in the number of ranges per change: for tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace spanheap::os {

enum class RangeState : uint8_t { kNone, kReserved, kReady };

class RangeStates {
 public:
  static constexpr size_t kCapacity = 4096;

  RangeState At(Address a) const;
  // Every byte of [start, start + size) is in `state` (kNone included).
  bool IsAll(Address start, Bytes size, RangeState state) const;
  // No byte of the range is kNone.
  bool IsKnown(Address start, Bytes size) const;
  void Set(Address start, Bytes size, RangeState state);

  size_t range_count() const { return count_; }
  // Of kReserved or kReady.
  Bytes Total(RangeState state) const;
  // Calls visit(start, size) for each range, lowest first.
  template <class Visitor>
  void ForEach(Visitor visit) const {
    for (size_t i = 0; i < count_; ++i) visit(ranges_[i].start, ranges_[i].end - ranges_[i].start);
  }

 private:
  struct Range {
    Address start;
    Address end;
    RangeState state;
  };

  size_t FirstEndingAfter(Address a) const;
  void SplitAt(Address a);
  void Insert(size_t at, const Range& range);
  void Erase(size_t from, size_t to);
  void MergeAround(size_t at);

  Range ranges_[kCapacity];  // by address, disjoint, none of state kNone
  size_t count_ = 0;
};

}  // namespace spanheap::os
