// SPDX-License-Identifier: MIT
//
// take_slot.h: how a thread takes a slot of those that it has claimed, in programs and in the
// library.
//
// Idea.       Lowest bit, multiply, add. At every instruction a slot is in the mask or its address
//             is in a register or on the stack: the address is there before the bit is gone. So a
//             thread may be stopped anywhere in it.
// Threads.    The word's owner, outside of signal handlers. The collector reads the mask while the
//             owner is stopped.
// Cost.       A dozen instructions, of which two store.
// Tests.      tests/faces/native/take_slot_test.cc.
#ifndef SPANHEAP_DETAIL_TAKE_SLOT_H
#define SPANHEAP_DETAIL_TAKE_SLOT_H

#include <cstddef>
#include <cstdint>

#include "spanheap/detail/barrier.h"
#include "spanheap/detail/inline_v1.h"
#include "spanheap/gc_c.h"

namespace spanheap::detail {

// The address of a slot, or null; `bit` is its number in the word.
[[gnu::always_inline]] inline char* TakeSlot(sh_inline_word_v1& word, unsigned& bit) {
  const uint64_t free = __atomic_load_n(&word.free, __ATOMIC_RELAXED);  // this thread's own
  if (free == 0) [[unlikely]]
    return nullptr;
  bit = static_cast<unsigned>(__builtin_ctzll(free));
  char* at = word.start + std::size_t{bit} * word.slot_bytes;
  asm volatile("" : "+r"(at) : : "memory");
  __atomic_store_n(&word.free, free & (free - 1), __ATOMIC_RELAXED);
  asm volatile("" : "+r"(at) : : "memory");
  return at;
}

// A zeroed object of this layout, with pointers as `pointer_bits` says, of this thread's slots.
// Null: sh_gc_new must see to it.
[[gnu::always_inline]] inline void* TryTakeObject([[maybe_unused]] sh_layout& layout,
                                                  [[maybe_unused]] uint64_t pointer_bits) {
#ifndef SH_PORTABLE_BARRIER  // sanitizers do not know that the collector stops the word's owner
  char* const words = sh_inline_words_v1;
  if (words == nullptr) [[unlikely]]
    return nullptr;
  // Relaxed: any value that it ever had is good.
  const uint32_t place = __atomic_load_n(&layout.place, __ATOMIC_RELAXED);
  auto& word = *reinterpret_cast<sh_inline_word_v1*>(words + place);
  unsigned bit = 0;
  if (word.pointer_bits == pointer_bits) [[likely]]
    return TakeSlot(word, bit);
#endif
  return nullptr;
}

// Bits 0, n, 2 * n, ... of 64; n from 1 on.
constexpr uint64_t MultiplesOf(unsigned n) {
  uint64_t bits = 0;
  for (unsigned at = 0; at < 64; at += n) bits |= uint64_t{1} << at;
  return bits;
}

// The same for an array of so many bytes, at least 16 and at most 512, without pointers, or with
// them where `pattern` says, from the slot's start to its end: behind the array a slot is zero.
template <bool kHasPointers>
[[gnu::always_inline]] inline void* TryTakeArray([[maybe_unused]] std::size_t bytes,
                                                 [[maybe_unused]] uint64_t pattern) {
#ifndef SH_PORTABLE_BARRIER  // as above
  char* const words = sh_inline_words_v1;
  if (words == nullptr) [[unlikely]]
    return nullptr;
  // The word at 0 has no slots; where its slot 0 would be are the places of the others.
  const auto* const places = reinterpret_cast<const sh_inline_places_v1*>(
      reinterpret_cast<sh_inline_word_v1*>(words)->start);
  const std::size_t place =
      (kHasPointers ? places->with_pointers : places->without)[(bytes + 7) / 8];
  auto& word = *reinterpret_cast<sh_inline_word_v1*>(words + place);
  if constexpr (kHasPointers) {
    const unsigned others = (64 - word.slot_bytes / 8) & 63;
    if (word.pointer_bits != pattern << others >> others) [[unlikely]]
      return nullptr;
  }
  unsigned bit = 0;
  return TakeSlot(word, bit);
#endif
  return nullptr;
}

}  // namespace spanheap::detail

#endif
