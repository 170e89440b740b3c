// SPDX-License-Identifier: MIT
//
// AllocationCache: what one thread allocates from: for each kind of span 64 slots that are all its
// own, and a 16-byte block for the tiniest objects.
//
// Idea.       A claimed word is a mask of slots not handed out yet. Handing out is: lowest bit,
//             multiply, add. The claim has set all of the word's allocated bits, cleared the
//             memory, and, while marking, marked the slots black. Nobody else ever touches a
//             claimed word; when marking begins, what is left of it is marked where it stands, so
//             that its owner goes on across the cycle.
// Invariants. At every instruction a slot is in the mask or its address is in a register or on the
//             stack: TakeSlot forms the address before it clears the bit. So a thread may be
//             stopped anywhere in it.
// Threads.    The owner, and the collector while the owner is stopped outside of a section.
// Cost.       TakeSlot: six instructions and a store.
// Go.         mcache.go, malloc.go nextFreeFast, tiny allocator.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include <bit>

#include "collect/collected_span.h"
#include "collect/span_kind.h"
#include "pages/page_cache.h"

namespace spanheap::collected {

struct ClaimedWord {
  Atomic<uint64_t> free;  // slots not handed out
  Address start;          // of the word's slot 0
  uint32_t block_bytes = 0;
  uint16_t word = 0;        // its number in the span
  bool needs_zero = false;  // memory was not cleared at the claim
  CollectedSpan* span = nullptr;
  Atomic<uint64_t>* pointer_bits = nullptr;  // of the span's page; kBits only

  // A slot of the word, or null. `slot` is its number in the span.
  SPANHEAP_ALWAYS_INLINE char* TakeSlot(uint32_t& slot) {
    const uint64_t mask = free.LoadRelaxed();  // relaxed: this thread's own
    if (mask == 0) [[unlikely]]
      return nullptr;
    const auto bit = static_cast<uint32_t>(std::countr_zero(mask));
    char* at = PointerTo<char>(start) + size_t{bit} * block_bytes;
    asm volatile("" : "+r"(at) : : "memory");  // the address is there before the bit is gone
    free.StoreRelaxed(mask & (mask - 1));
    asm volatile("" : "+r"(at) : : "memory");
    slot = word * 64U + bit;
    return at;
  }
};

struct AllocationCache {
  ClaimedWord words[kKindCount];
  char* tiny = nullptr;    // a 16-byte block without pointers; taken away when marking begins
  uint32_t tiny_used = 0;  // bytes of it
  PageCache pages;
};

}  // namespace spanheap::collected
