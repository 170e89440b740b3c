// SPDX-License-Identifier: MIT
//
// barrier.h: how a pointer is stored in a collected object, or in any place the collector scans.
//
// Idea.    While the collector marks, the value that a store overwrites is remembered before the
//          store is seen: what was reachable when the mark began will be marked, whoever takes it
//          out of its place first. The value written is remembered, too, unless all stacks were
//          looked at in the stop with which the mark began: then no thread can have what was not
//          reachable. That the thread's own stack has been scanned is not enough: threads read each
//          other's frames. While it does not mark, one test of a global flag is all.
//          Nothing may come between the test and the store: a thread stopped there could store
//          after the collector has begun, unseen. So both are one sequence, and the address of each
//          copy of it is recorded in a section of the object file: a thread that is stopped inside
//          is sent back to its beginning. So is one that a signal handler of the program has
//          interrupted, when the stop finds it in that handler.
// Threads. Any that is attached, or can be: the first store of a thread while the collector marks
//          attaches it. A store is a relaxed atomic one; exchanges are sequentially consistent.
// Cost.    A compare with memory and a branch not taken; with the collector at work, a call.
// Limits.  Each change of a word that held a pointer goes through here, also of objects that one
//          thread alone knows.
#ifndef SPANHEAP_DETAIL_BARRIER_H
#define SPANHEAP_DETAIL_BARRIER_H

#include <cstdint>

#include "spanheap/detail/inline_v1.h"

extern "C" {

// The barrier, then the store.
SH_INLINE_EXPORT void sh_gc_store_slow(void** slot, void* value) noexcept;
// The same for who compiles no inline sequence; the second one is a release.
SH_INLINE_EXPORT void sh_gc_store(void** slot, void* value) noexcept;
SH_INLINE_EXPORT void sh_gc_store_release(void** slot, void* value) noexcept;
// The barrier, then the exchange; returns what was there.
SH_INLINE_EXPORT void* sh_gc_exchange(void** slot, void* value) noexcept;
// The barrier, then: *expected in *slot -> value there, 1; else *expected becomes what is there,
// 0.
SH_INLINE_EXPORT int sh_gc_compare_exchange(void** slot, void** expected, void* value) noexcept;
// `count` stores, from `values` or, if that is null, of null. The two ranges may overlap.
SH_INLINE_EXPORT void sh_gc_store_many(void** slots, void* const* values, uint64_t count) noexcept;

// The sequences of one module: pairs of distances from each word to where a sequence begins and
// ends. Called when it is loaded and unloaded.
SH_INLINE_EXPORT void sh_gc_register_stores_v1(const int32_t* begin, const int32_t* end) noexcept;
SH_INLINE_EXPORT void sh_gc_unregister_stores_v1(const int32_t* begin) noexcept;

}  // extern "C"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SH_PORTABLE_BARRIER 1
#endif
#endif
#if !defined(__x86_64__) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SH_PORTABLE_BARRIER 1
#endif

namespace spanheap::detail {

// What a marker and any other thread may read at any time.
inline void* LoadPointer(void* const* slot) { return __atomic_load_n(slot, __ATOMIC_RELAXED); }

#ifndef SH_PORTABLE_BARRIER

extern "C" {
// Bounds of this module's section, from the linker.
extern const int32_t __start_sh_gc_stores[] __attribute__((visibility("hidden"), weak));
extern const int32_t __stop_sh_gc_stores[] __attribute__((visibility("hidden"), weak));
}

// Runs when this module is loaded, before its other constructors; once for each file, and again is
// no harm. The library itself does so when it begins to collect.
#ifdef SPANHEAP_CORE
#define SH_AT_LOAD
#define SH_AT_UNLOAD
#else
#define SH_AT_LOAD gnu::constructor(101),
#define SH_AT_UNLOAD gnu::destructor(101),
#endif
[[SH_AT_LOAD gnu::visibility("hidden")]] inline void RegisterStores() {
  sh_gc_register_stores_v1(__start_sh_gc_stores, __stop_sh_gc_stores);
}
[[SH_AT_UNLOAD gnu::visibility("hidden")]] inline void UnregisterStores() {
  sh_gc_unregister_stores_v1(__start_sh_gc_stores);
}
#undef SH_AT_LOAD
#undef SH_AT_UNLOAD

// The store before it ends a sequence that begins at label 1: both are recorded. R: where linkers
// collect sections, lld would drop the records, to which only their begin and end refer.
#define SH_END_OF_STORE_RANGE                          \
  "2:\n"                                               \
  "   .pushsection sh_gc_stores, \"aR?\", @progbits\n" \
  "   .balign 4\n"                                     \
  "   .long 1b - .\n"                                  \
  "   .long 2b - .\n"                                  \
  "   .popsection\n"

inline __attribute__((always_inline)) void StorePointer(void** slot, void* value) {
  // The store is the last instruction; nothing in between changes what the sequence reads.
  asm goto(
      "1: cmpl $0, %[flag]\n"
      "   jne %l[marking]\n"
      "   movq %[value], %[slot]\n" SH_END_OF_STORE_RANGE
      :
      : [slot] "m"(*slot), [value] "er"(value), [flag] "m"(sh_inline_v1.barrier_on)
      : "cc", "memory"
      : marking);
  return;
marking:
  // Else gcc warns where it sees a way on which `slot` is a field of null.
  asm("" : "+r"(slot));
  // Null over null is no change: most words that begin as null are null.
  if (value == nullptr && LoadPointer(slot) == nullptr) return;
  sh_gc_store_slow(slot, value);
}

// In the library only, which knows the flag's numbers: if it is `flag` and the slot holds null, the
// store, in one sequence as above.
inline __attribute__((always_inline)) bool TryStoreOverNull(void** slot, void* value,
                                                            const uint32_t flag) {
  asm goto(
      "1: cmpl %[wanted], %[flag]\n"
      "   jne %l[otherwise]\n"
      "   cmpq $0, %[slot]\n"
      "   jne %l[otherwise]\n"
      "   movq %[value], %[slot]\n" SH_END_OF_STORE_RANGE
      :
      : [slot] "m"(*slot), [value] "er"(value), [flag] "m"(sh_inline_v1.barrier_on),
        [wanted] "er"(flag)
      : "cc", "memory"
      : otherwise);
  return true;
otherwise:
  return false;
}

// In the library only: the same if `note` is not 0.
inline __attribute__((always_inline)) bool TryStoreIfNoted(void** slot, void* value,
                                                           const uint8_t* note,
                                                           const uint32_t flag) {
  asm goto(
      "1: cmpl %[wanted], %[flag]\n"
      "   jne %l[otherwise]\n"
      "   cmpb $0, %[note]\n"
      "   je %l[otherwise]\n"
      "   movq %[value], %[slot]\n" SH_END_OF_STORE_RANGE
      :
      : [slot] "m"(*slot), [value] "er"(value), [flag] "m"(sh_inline_v1.barrier_on),
        [wanted] "er"(flag), [note] "m"(*note)
      : "cc", "memory"
      : otherwise);
  return true;
otherwise:
  return false;
}

#undef SH_END_OF_STORE_RANGE

// Here every store is one, as long as the compiler moves nothing behind it.
inline __attribute__((always_inline)) void StorePointerRelease(void** slot, void* value) {
  StorePointer(slot, value);
}

#else

inline void RegisterStores() {}
inline bool TryStoreOverNull(void**, void*, uint32_t) { return false; }
inline bool TryStoreIfNoted(void**, void*, const uint8_t*, uint32_t) { return false; }
inline void StorePointer(void** slot, void* value) { sh_gc_store_slow(slot, value); }
inline void StorePointerRelease(void** slot, void* value) { sh_gc_store_release(slot, value); }

#endif

}  // namespace spanheap::detail

#endif
