// SPDX-License-Identifier: MIT
//
// SteppedTable: a reserved array of which only the parts in use are made ready, in equal steps.
//
// Idea.       At most 1024 steps, one bit each; a step is at least 64 KiB. Coarse steps keep the
//             bit map small, and neighbouring steps are one mapping in the kernel.
// Invariants. No step is made ready twice: that would zero live entries.
// Threads.    Guarded by the growth lock; entries of ready steps belong to others.
// Fails.      Cover returns false when the OS refuses; steps readied before the refusal stay ready.
// Tests.      tests/pages/page_space_test.cc.
#pragma once

#include "base/units.h"
#include "os/memory.h"

namespace spanheap {

class SteppedTable {
 public:
  constexpr SteppedTable() = default;

  // The table of `size` bytes at `base`, all of it reserved and not ready.
  void Init(Address base, Bytes size);
  // Makes all steps ready that bytes [from, to) touch.
  bool Cover(os::Memory& memory, Bytes from, Bytes to);

  template <class T>
  T* As() const {
    return PointerTo<T>(base_);
  }
  Bytes ready() const { return ready_; }

 private:
  friend struct RootRecord;  // its layout is described to tools
  static constexpr unsigned kMaxSteps = 1024;
  static constexpr unsigned kMinStepShift = 16;  // the largest OS page

  bool IsReady(size_t step) const { return (ready_bits_[step / 64] >> (step % 64) & 1) != 0; }
  bool MakeReady(os::Memory& memory, size_t first, size_t last);

  Address base_;
  Bytes size_;
  unsigned step_shift_ = kMinStepShift;
  Bytes ready_;
  uint64_t ready_bits_[kMaxSteps / 64] = {};
};

}  // namespace spanheap
