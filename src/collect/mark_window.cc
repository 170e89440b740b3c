// SPDX-License-Identifier: MIT
#include "collect/mark_window.h"

#include <algorithm>

namespace spanheap::collected {

unsigned MarkWindow::AddSome(const uintptr_t* words, unsigned count) {
  SPANHEAP_DCHECK(!is_full());
  const MarkBits bits = bits_;
  const unsigned added = std::min(count, kAtOnce);
  MarkBit* next = waiting_ + count_;
  for (unsigned i = 0; i < added; ++i) {
    const MarkBit bit = bits.Find(words[i]);
    bits.Prepare(bit);
    *next = bit;
    next += bit != 0 ? 1 : 0;
  }
  count_ = static_cast<uint32_t>(next - waiting_);
  return added;
}

unsigned MarkWindow::TakeUnmarked(uint32_t keep, MarkBit* unmarked) {
  if (count_ <= keep) return 0;
  const MarkBits bits = bits_;
  const uint32_t taken = count_ - keep;
  unsigned found = 0;
  for (uint32_t i = 0; i < taken; ++i) {
    const MarkBit bit = waiting_[i];
    unmarked[found] = bit;
    // Relaxed: a stale 0 costs an exchange more. What is marked is allocated.
    found += (bits.WordOf(bit).LoadRelaxed() & MarkBits::MaskOf(bit)) == 0 ? 1 : 0;
  }
  std::copy(waiting_ + taken, waiting_ + count_, waiting_);
  count_ = keep;
  return found;
}

}  // namespace spanheap::collected
