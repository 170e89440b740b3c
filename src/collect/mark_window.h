// SPDX-License-Identifier: MIT
//
// MarkWindow: pointers that a marker has met, whose mark bits it looks at a little later.
//
// Idea.       A line of mark bits that is asked for in advance comes while others are worked on. So
//             the bits that words lead to wait here, oldest first, until more than enough are
//             there. Those that are not set are then picked out without a branch, since no
//             processor foresees which they are, and passed on together.
// Picture.    words -> Add -> [oldest ... newest] -> TakeUnmarked -> bits to be set
// Threads.    One at a time, its marker's.
// Tests.      tests/collect/mark_bits_test.cc.
#pragma once

#include "base/check.h"
#include "collect/mark_bits.h"

namespace spanheap::collected {

class MarkWindow {
 public:
  // So many wait in any case, unless the window is emptied. More: slow memory is hidden better,
  // until its requests are too many at a time.
  static constexpr uint32_t kWaiting = 16;
  static constexpr uint32_t kMost = 96;

  explicit MarkWindow(const SpanStore& store) : bits_(store) {}

  bool is_empty() const { return count_ == 0; }
  bool is_full() const { return count_ > kMost - kAtOnce; }

  // While it is not full.
  SPANHEAP_ALWAYS_INLINE void Add(uintptr_t word) {
    SPANHEAP_DCHECK(!is_full());
    const MarkBit bit = bits_.Find(word);
    bits_.Prepare(bit);
    waiting_[count_] = bit;
    count_ += bit != 0 ? 1 : 0;
  }
  // Up to `count` words; returns how many.
  unsigned AddSome(const uintptr_t* words, unsigned count);
  // Takes out all but the newest `keep`. Bits that were not set go to `unmarked`, which has room
  // for kMost. Returns their number.
  unsigned TakeUnmarked(uint32_t keep, MarkBit* unmarked);

  const MarkBits& bits() const { return bits_; }

 private:
  static constexpr uint32_t kAtOnce = 32;

  const MarkBits bits_;
  uint32_t count_ = 0;
  MarkBit waiting_[kMost] = {};
};

}  // namespace spanheap::collected
