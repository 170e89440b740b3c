// SPDX-License-Identifier: MIT
#include "os/range_states.h"

#include <algorithm>

#include "base/check.h"

namespace spanheap::os {

size_t RangeStates::FirstEndingAfter(Address a) const {
  const Range* const found =
      std::partition_point(ranges_, ranges_ + count_, [a](const Range& r) { return r.end <= a; });
  return static_cast<size_t>(found - ranges_);
}

RangeState RangeStates::At(Address a) const {
  const size_t i = FirstEndingAfter(a);
  return i < count_ && ranges_[i].start <= a ? ranges_[i].state : RangeState::kNone;
}

bool RangeStates::IsAll(Address start, Bytes size, RangeState state) const {
  const Address end = start + size;
  const size_t i = FirstEndingAfter(start);
  if (state == RangeState::kNone) return i == count_ || ranges_[i].start >= end;
  return i < count_ && ranges_[i].state == state && ranges_[i].start <= start &&
         ranges_[i].end >= end;
}

bool RangeStates::IsKnown(Address start, Bytes size) const {
  const Address end = start + size;
  Address at = start;
  for (size_t i = FirstEndingAfter(start); i < count_ && ranges_[i].start <= at; ++i) {
    at = ranges_[i].end;
    if (at >= end) return true;
  }
  return false;
}

void RangeStates::Set(Address start, Bytes size, RangeState state) {
  const Address end = start + size;
  SplitAt(start);
  SplitAt(end);
  const size_t from = FirstEndingAfter(start);
  size_t to = from;
  while (to < count_ && ranges_[to].end <= end) ++to;
  Erase(from, to);
  if (state != RangeState::kNone) {
    Insert(from, Range{start, end, state});
    MergeAround(from);
  }
}

Bytes RangeStates::Total(RangeState state) const {
  Bytes total;
  for (size_t i = 0; i < count_; ++i) {
    if (ranges_[i].state == state) total += ranges_[i].end - ranges_[i].start;
  }
  return total;
}

void RangeStates::SplitAt(Address a) {
  const size_t i = FirstEndingAfter(a);
  if (i == count_ || ranges_[i].start >= a) return;
  const Range low{ranges_[i].start, a, ranges_[i].state};
  ranges_[i].start = a;
  Insert(i, low);
}

void RangeStates::Insert(size_t at, const Range& range) {
  SPANHEAP_CHECK(count_ < kCapacity);
  std::copy_backward(ranges_ + at, ranges_ + count_, ranges_ + count_ + 1);
  ranges_[at] = range;
  ++count_;
}

void RangeStates::Erase(size_t from, size_t to) {
  std::copy(ranges_ + to, ranges_ + count_, ranges_ + from);
  count_ -= to - from;
}

void RangeStates::MergeAround(size_t at) {
  const auto joins = [this](size_t i) {
    return ranges_[i].end == ranges_[i + 1].start && ranges_[i].state == ranges_[i + 1].state;
  };
  if (at + 1 < count_ && joins(at)) {
    ranges_[at].end = ranges_[at + 1].end;
    Erase(at + 1, at + 2);
  }
  if (at > 0 && joins(at - 1)) {
    ranges_[at - 1].end = ranges_[at].end;
    Erase(at, at + 1);
  }
}

}  // namespace spanheap::os
