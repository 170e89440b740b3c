// SPDX-License-Identifier: MIT
//
// What a pointer is: the one place where an address is told apart into the kinds of block.
#pragma once

#include <cstddef>

#include "runtime/runtime.h"

namespace spanheap {

enum class BlockKind {
  kClassed,    // a slot of a small span or a run, by the class byte of its page
  kSolo,       // a sampled block with a span of its own
  kLarge,      // in a window of its own
  kBootstrap,  // from the bootstrap arena
  kNoBlock,    // in the heap's pages, but no block starts there
  kForeign,    // not of this heap
};

struct BlockInfo {
  BlockKind kind;
  unsigned malloc_class;  // kClassed
  size_t usable;          // bytes; 0 for the last two kinds
  Span* span;             // kSolo
};

// Whether a block of `usable` bytes is kept for a request of n: blocks are moved to shrink only
// when that gives back more than half, and something worth it. Large ones are cut where they are
// before (runtime/reallocate.cc).
constexpr bool FitsInPlace(size_t n, size_t usable) {
  constexpr size_t kNeverShrunk = 128;
  return n <= usable && (usable <= kNeverShrunk || n > usable / 2);
}

// Takes a lock for kLarge and kForeign only. Misaligned pointers into a classed page count as
// kClassed: the batch that returns them to their span tells.
BlockInfo LookUp(const void* p);

}  // namespace spanheap
