// SPDX-License-Identifier: MIT
//
// AllocationCache: what one thread allocates from: for each kind of span 64 slots that are all its
// own, and a 16-byte block for the tiniest objects.
//
// Idea.       A claimed word is a mask of slots not handed out yet. The claim has set all of the
//             word's allocated bits, cleared the memory, written down which words of a slot are
//             pointers (as the object that needed the claim has them: others of this kind most
//             often are alike; arrays of several elements always, whose bits go on to the slot's
//             end), and, while marking, marked the slots black. Nobody else touches a claimed word;
//             when marking begins, what is left of it is marked where it stands, so that its owner
//             goes on across the cycle.
// Invariants. Handing out is spanheap/detail/take_slot.h, in programs, too: a slot is in the mask,
//             or its address is in a register or on the stack. So a thread may be stopped anywhere.
// Threads.    The owner, and the collector while the owner is stopped outside of a section.
// Go.         mcache.go, malloc.go nextFreeFast, tiny allocator.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include "collect/collected_span.h"
#include "collect/span_kind.h"
#include "pages/page_cache.h"
#include "spanheap/detail/take_slot.h"

namespace spanheap::collected {

struct ClaimedWord {
  // What inlined code sees. `pointer_bits` is what stands for the slots that are free; kBits only.
  sh_inline_word_v1 slots{};
  uint16_t word = 0;        // its number in the span
  bool needs_zero = false;  // memory was not cleared at the claim
  CollectedSpan* span = nullptr;
  Atomic<uint64_t>* page_bits = nullptr;  // the pointer bits of the span's page; kBits only

  // Slots not handed out.
  uint64_t free() const { return __atomic_load_n(&slots.free, __ATOMIC_ACQUIRE); }
  void SetFree(uint64_t mask) { __atomic_store_n(&slots.free, mask, __ATOMIC_RELEASE); }
  Address start() const { return AddressOf(slots.start); }

  // A slot of the word, or null. `slot` is its number in the span.
  SPANHEAP_ALWAYS_INLINE char* TakeSlot(uint32_t& slot) {
    unsigned bit = 0;
    char* const at = ::spanheap::detail::TakeSlot(slots, bit);
    slot = word * 64U + bit;
    return at;
  }
};

namespace detail {
consteval sh_inline_places_v1 MakePlaces() {
  sh_inline_places_v1 places{};
  for (uint32_t bytes = 16; bytes <= kMaxBitsBytes; bytes += 8) {
    const unsigned size_class = ClassFor(bytes);
    places.without[bytes / 8] =
        static_cast<uint16_t>(KindFor(size_class, Domain::kNoScan) * sizeof(ClaimedWord));
    places.with_pointers[bytes / 8] =
        static_cast<uint16_t>(KindFor(size_class, Domain::kBits) * sizeof(ClaimedWord));
  }
  return places;
}
}  // namespace detail
static_assert(kKindCount * sizeof(ClaimedWord) <= 65536);

// What inlined code of programs must know to take arrays by itself; it finds them by the word at 0.
inline constexpr sh_inline_places_v1 kInlinePlaces = detail::MakePlaces();

struct AllocationCache {
  AllocationCache() {
    words[0].slots.start = const_cast<char*>(reinterpret_cast<const char*>(&kInlinePlaces));
  }

  ClaimedWord words[kKindCount];
  char* tiny = nullptr;    // a 16-byte block without pointers; taken away when marking begins
  uint32_t tiny_used = 0;  // bytes of it
  PageCache pages;
};

}  // namespace spanheap::collected
