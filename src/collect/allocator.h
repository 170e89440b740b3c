// SPDX-License-Identifier: MIT
//
// Allocator: new collected objects, from a thread's claimed words or from pages of their own.
//
// Idea.       A layout decides the domain: without pointers, a bit per word (up to 512 bytes), or a
//             type number. Small objects up to 512 bytes are cleared a word of slots at a time,
//             larger ones when they are handed out, before their type number is set: what has no
//             number is not scanned.
// Invariants. While marking, slots are black from their claim on, large objects from the moment
//             they can be found.
// Threads.    TryNewSmall: the cache's owner, may be stopped anywhere. Claim, BeginLarge, Release:
//             inside a section. FinishLarge: outside of it, since clearing takes long.
// Fails.      Null when no memory can be had.
// Go.         malloc.go mallocgc.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include "collect/allocation_cache.h"
#include "collect/heap_state.h"
#include "collect/layout_table.h"
#include "collect/pointer_bits.h"
#include "collect/span_store.h"

namespace spanheap::collected {

// The pointer bits of `count` elements in a slot of so many bytes; SH_SCAN_PRECISE, 512 bytes in
// all at most.
SPANHEAP_ALWAYS_INLINE uint64_t BitsOf(const sh_layout& layout, size_t count, uint32_t slot_bytes) {
  const uint64_t bits = layout.pointer_bits[0];
  if (count > 1) {
    return RepeatBits(bits, static_cast<unsigned>(layout.size / 8), slot_bytes / 8);
  }
  return count == 1 ? bits : 0;  // of none, elements may be larger than any slot
}

// What to allocate, worked out once.
struct Request {
  sh_layout* layout = nullptr;
  size_t bytes = 0;
  uint32_t count = 0;  // elements; not used for large objects
  uint8_t kind = 0;
};

class Allocator {
 public:
  constexpr Allocator(SpanStore& store, LayoutTable& layouts, HeapState& state)
      : store_(store), layouts_(layouts), state_(state) {}

  // False: more than can ever be had.
  static bool Plan(sh_layout& layout, size_t count, Request& request);

  // The usual object, 16 to 512 bytes without a type number, each word a pointer or none: all but
  // the slot is worked out in a few instructions. Null: it is another one, or the kind has no slot
  // claimed.
  SPANHEAP_ALWAYS_INLINE static void* TryNewUsual(AllocationCache& cache, const sh_layout& layout,
                                                  size_t count);
  // From the claimed word; null: Claim first.
  SPANHEAP_ALWAYS_INLINE void* TryNewSmall(AllocationCache& cache, const Request& request) {
    uint32_t slot = 0;
    ClaimedWord& word = cache.words[request.kind];
    char* at = word.TakeSlot(slot);
    if (at == nullptr) return nullptr;
    Describe(word, at, slot, request);
    return at;
  }
  // Part of the thread's tiny block; null: there is none with room.
  static void* TryNewTiny(AllocationCache& cache, size_t bytes);
  // A new tiny block of 16 bytes, of which the first `bytes` are handed out.
  static void BeginTiny(AllocationCache& cache, char* block, size_t bytes);

  // Gets the next word of free slots of the request's kind, made ready for objects like it.
  // Returns its bytes; 0: no memory.
  size_t Claim(AllocationCache& cache, const Request& request);
  // What inlined code of programs must know to take objects of one element by itself.
  static void TellPlace(const Request& request);

  // Pages for a large object, black while marking, not scanned yet.
  // The caller keeps the address on its stack from here on: nothing else does.
  SPANHEAP_NOINLINE char* BeginLarge(const Request& request, bool& zeroed);
  // Clears it and has it scanned from here on.
  void FinishLarge(char* at, const Request& request, bool zeroed);

  // All that the cache holds goes back.
  void Release(AllocationCache& cache);
  // Marking begins, the owner is stopped: what it has claimed is black.
  void MarkClaimed(AllocationCache& cache);

 private:
  void Describe(ClaimedWord& word, char* at, uint32_t slot, const Request& request);
  SPANHEAP_ALWAYS_INLINE static void DescribeBits(ClaimedWord& word, char* at,
                                                  const sh_layout& layout, size_t count);
  bool ClaimFrom(ClaimedWord& word, uint8_t kind, unsigned from);
  void Prepare(ClaimedWord& word, uint64_t mask);
  // Returns the bytes of the slots in `mask` that were not black before.
  uint64_t Blacken(const ClaimedWord& word, uint64_t mask);

  SpanStore& store_;
  LayoutTable& layouts_;
  HeapState& state_;
};

void* Allocator::TryNewUsual(AllocationCache& cache, const sh_layout& layout, size_t count) {
  constexpr size_t kLeast = 16;
  size_t bytes = 0;
  if (__builtin_mul_overflow(layout.size, count, &bytes) || bytes - kLeast > kMaxBitsBytes - kLeast)
    return nullptr;
  uint32_t slot = 0;
  const unsigned size_class = ClassFor(static_cast<uint32_t>(bytes));
  if (layout.kind == SH_SCAN_NONE) {
    return cache.words[KindFor(size_class, Domain::kNoScan)].TakeSlot(slot);
  }
  const bool is_ambiguous = (layout.flags & SH_AMBIGUOUS_WORDS) != 0;
  if (layout.kind != SH_SCAN_PRECISE || is_ambiguous) return nullptr;
  ClaimedWord& word = cache.words[KindFor(size_class, Domain::kBits)];
  char* const at = word.TakeSlot(slot);
  if (at == nullptr) return nullptr;
  DescribeBits(word, at, layout, count);
  return at;
}

// Most often what the claim has written is right.
void Allocator::DescribeBits(ClaimedWord& word, char* at, const sh_layout& layout, size_t count) {
  const uint64_t bits = BitsOf(layout, count, word.slots.slot_bytes);
  if (bits == word.slots.pointer_bits) [[likely]]
    return;
  WritePointerBits(word.page_bits, at, word.slots.slot_bytes, bits);
}

}  // namespace spanheap::collected
