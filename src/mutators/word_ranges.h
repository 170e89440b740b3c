// SPDX-License-Identifier: MIT
//
// WordRanges: the places in memory where a thread's pointers may be, each a range of whole words.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bits.h"
#include "base/units.h"
#include "os/thread_context.h"

namespace spanheap {

class WordRanges {
 public:
  // Rounded inwards to whole words; nothing if `low` is not below `high`.
  void Add(uintptr_t low, uintptr_t high) {
    low = RoundUp(low, sizeof(uintptr_t));
    high = RoundDown(high, sizeof(uintptr_t));
    if (low >= high || count_ == kCapacity) return;
    ranges_[count_++] = {PointerTo<uintptr_t>(Address(low)), PointerTo<uintptr_t>(Address(high))};
  }
  void Add(os::WordSpan span) {
    if (span.begin != span.end && count_ < kCapacity) ranges_[count_++] = span;
  }

  const os::WordSpan* begin() const { return ranges_; }
  const os::WordSpan* end() const { return ranges_ + count_; }
  // Not a loop worth naming: eight at most.
  size_t total_words() const {
    size_t words = 0;
    for (const os::WordSpan& range : *this) words += static_cast<size_t>(range.end - range.begin);
    return words;
  }

 private:
  static constexpr unsigned kCapacity = 8;
  os::WordSpan ranges_[kCapacity];
  unsigned count_ = 0;
};

// What a scan does with them; inside a StopDelay.
using ShadeWords = void (*)(const WordRanges& words, void* argument);

}  // namespace spanheap
