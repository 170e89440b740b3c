// SPDX-License-Identifier: MIT
//
// pointer_check.h: in debug builds, each Ptr that begins makes sure that the collector sees it.
//
// Idea.   New says which object is under construction in this thread. A Ptr that begins inside of
//         it, at a word that the layout does not name, is a field that was forgotten: the program
//         ends with the type and the offset, at the first object. A Ptr that begins elsewhere must
//         lie on this stack, in an object, or in a root (a std::vector with its default allocator
//         is none of these).
// Fails.  Ends the process with one line.
// Cost.   Without NDEBUG: two compares for an object under construction or a place near the stack
//         pointer, else a call of sh_gc_place. SPANHEAP_POINTER_CHECKS set to 0 or 1 overrules.
// Tests.  tests/faces/native/pointer_check_test.cc.
#ifndef SPANHEAP_DETAIL_POINTER_CHECK_H
#define SPANHEAP_DETAIL_POINTER_CHECK_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "spanheap/gc_c.h"

#ifndef SPANHEAP_POINTER_CHECKS
#ifdef NDEBUG
#define SPANHEAP_POINTER_CHECKS 0
#else
#define SPANHEAP_POINTER_CHECKS 1
#endif
#endif

namespace spanheap::detail {

inline constexpr bool kPointerChecks = SPANHEAP_POINTER_CHECKS != 0;

// Under AddressSanitizer locals may lie on its fake stacks, which nobody searches.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kIsAddressSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kIsAddressSanitized = true;
#else
inline constexpr bool kIsAddressSanitized = false;
#endif
#else
inline constexpr bool kIsAddressSanitized = false;
#endif
inline constexpr const char* kFakeStackHint =
    kIsAddressSanitized ? "; of a local: set ASAN_OPTIONS=detect_stack_use_after_return=0" : "";

// Where an object is being constructed by this thread, innermost one.
struct Construction {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  const sh_layout* layout = nullptr;
};
inline constinit thread_local Construction construction_now;

// Lives as long as a constructor called by New.
class ConstructionScope {
 public:
  ConstructionScope(const void* object, std::size_t bytes, const sh_layout* layout)
      : before_(construction_now) {
    const auto begin = reinterpret_cast<uintptr_t>(object);
    construction_now = {begin, begin + bytes, layout};
  }
  ~ConstructionScope() { construction_now = before_; }
  ConstructionScope(const ConstructionScope&) = delete;
  ConstructionScope& operator=(const ConstructionScope&) = delete;

 private:
  Construction before_;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void FatalForgottenField(const sh_layout* layout,
                                                                       std::size_t offset) {
  std::fprintf(stderr,
               "spanheap: %s has a Ptr at offset %zu that its layout does not name: add the field "
               "to its SH_LAYOUT\n",
               layout->name, offset);
  std::abort();
}

[[noreturn, gnu::cold, gnu::noinline]] inline void FatalUnseenPointer(const void* at) {
  std::fprintf(stderr,
               "spanheap: a Ptr at %p, where the collector does not look: neither a stack, nor a "
               "field of a collected object, nor a root. Use Root, a collected container, or "
               "RootAllocator%s\n",
               at, kFakeStackHint);
  std::abort();
}

inline bool NamesWord(const sh_layout* layout, std::size_t offset) {
  if (layout->kind == SH_SCAN_NONE) return false;
  if (layout->kind != SH_SCAN_PRECISE) return true;
  const std::size_t word = offset / sizeof(void*);
  return (layout->pointer_bits[word / 64] >> (word % 64) & 1) != 0;
}

// On this stack, as far as can be told without a call.
[[gnu::always_inline]] inline bool NearStackPointer(uintptr_t at) {
  constexpr uintptr_t kNear = 64 << 10;
  return at - reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + kNear / 8 < kNear;
}

[[gnu::noinline]] inline void CheckSlotSlow(uintptr_t at) {
  const auto* const slot = reinterpret_cast<const void*>(at);
  const int place = sh_gc_place(slot);
  if (place == SH_PLACE_UNSEEN || place == SH_PLACE_HOLE) FatalUnseenPointer(slot);
}

[[gnu::always_inline]] inline void CheckSlot(const void* slot) {
  const auto at = reinterpret_cast<uintptr_t>(slot);
  const Construction& now = construction_now;
  if (at >= now.begin && at < now.end) {
    const std::size_t offset = (at - now.begin) % now.layout->size;
    if (!NamesWord(now.layout, offset)) FatalForgottenField(now.layout, offset);
  } else if (!NearStackPointer(at)) {
    CheckSlotSlow(at);
  }
}

}  // namespace spanheap::detail

#endif
