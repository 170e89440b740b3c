// SPDX-License-Identifier: MIT
#include "pages/stepped_table.h"

#include <algorithm>

#include "base/check.h"
#include "base/platform.h"

namespace spanheap {

SPANHEAP_AT_START void SteppedTable::Init(Address base, Bytes size) {
  base_ = base;
  size_ = size;
  step_shift_ = kMinStepShift;
  while ((size.value >> step_shift_) >= kMaxSteps) ++step_shift_;
}

bool SteppedTable::MakeReady(os::Memory& memory, size_t first, size_t last) {
  const Bytes from(first << step_shift_);
  const Bytes to = std::min(Bytes((last + 1) << step_shift_), size_);
  if (!memory.MakeReady(base_ + from, to - from)) return false;
  for (size_t step = first; step <= last; ++step) {
    ready_bits_[step / 64] |= uint64_t{1} << (step % 64);
  }
  ready_ += to - from;
  return true;
}

bool SteppedTable::Cover(os::Memory& memory, Bytes from, Bytes to) {
  SPANHEAP_CHECK(from < to && to <= size_);
  const size_t last = (to.value - 1) >> step_shift_;
  for (size_t step = from.value >> step_shift_; step <= last; ++step) {
    if (IsReady(step)) continue;
    size_t until = step;
    while (until < last && !IsReady(until + 1)) ++until;
    if (!MakeReady(memory, step, until)) return false;
    step = until;
  }
  return true;
}

}  // namespace spanheap
