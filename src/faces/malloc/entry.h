// SPDX-License-Identifier: MIT
//
// What every outward allocation call does, whatever its name: argument checks, errno, one call of
// the heap. The C names, the operators and the sh_ names are one line each above these.
//
// Idea.   The hot pair is an inline body with one tail call to its slow half:
//           malloc -> Allocate -> heap::TryAllocateFast -> (null) AllocateSlow -> heap::Allocate
//           calloc -> AllocateZeroed, likewise, and clears what it gets
//           free   -> Free     -> heap::TryFreeFast     -> (no)   heap::Free
// Fails.  Null with errno ENOMEM: no memory, an overflowing product, or more than PTRDIFF_MAX.
//         EINVAL: an alignment that is no power of two. Frees leave errno alone.
// Tests.  tests/faces/malloc/conformance.cc checks each rule through each name.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/platform.h"
#include "faces/malloc/new_handler.h"
#include "runtime/heap.h"
#include "runtime/heap_inl.h"

namespace spanheap::face {

// A block of n bytes, or null with ENOMEM.
// `caller`, here and below: the code that called malloc, calloc, realloc and so on.
SPANHEAP_NOINLINE void* AllocateSlow(size_t n, const void* caller);
SPANHEAP_ALWAYS_INLINE void* Allocate(size_t n) {
  if (void* block = heap::TryAllocateFast(n)) [[likely]]
    return block;
  return AllocateSlow(n, __builtin_return_address(0));
}

// The block, its first n bytes zero and no more than its last granule beyond. What is small is
// cleared here: the call of memset takes as long as all else that calloc does.
SPANHEAP_ALWAYS_INLINE void* Clear(void* block, size_t n) {
  constexpr size_t kMostHere = 128;
  constexpr size_t kStep = kClassGranule;  // every block has room for whole steps
  if (n > kMostHere) return memset(block, 0, n);
  char* at = static_cast<char*>(block);
  const char* const end = at + n;
  do {
    memset(at, 0, kStep);
    at += kStep;
    SPANHEAP_FORGET(at);
  } while (at < end);
  return block;
}

// As operator new: never null, and as the nothrow one.
SPANHEAP_ALWAYS_INLINE void* New(size_t n) {
  if (void* block = heap::TryAllocateFast(n)) [[likely]]
    return block;
  return NewSlow(n, __builtin_return_address(0));
}
SPANHEAP_ALWAYS_INLINE void* NewOrNull(size_t n) {
  if (void* block = heap::TryAllocateFast(n)) [[likely]]
    return block;
  return NewOrNullSlow(n, __builtin_return_address(0));
}

SPANHEAP_ALWAYS_INLINE void Free(void* p, const char* call) {
  if (heap::TryFreeFast(p)) [[likely]]
    return;
  heap::Free(p, call, __builtin_return_address(0));
}
// As Free for callers that state what they asked for; alignment 0: not stated.
SPANHEAP_ALWAYS_INLINE void FreeSized(void* p, size_t n, size_t alignment, const char* call) {
  heap::FreeSized(p, n, alignment, call, __builtin_return_address(0));
}

// A zeroed block of count * size bytes.
SPANHEAP_NOINLINE void* AllocateZeroedSlow(size_t count, size_t size, const void* caller);
SPANHEAP_ALWAYS_INLINE void* AllocateZeroed(size_t count, size_t size) {
  size_t n = 0;
  if (!__builtin_mul_overflow(count, size, &n)) [[likely]] {
    if (void* block = heap::TryAllocateFast(n)) [[likely]]
      return Clear(block, n);
  }
  return AllocateZeroedSlow(count, size, __builtin_return_address(0));
}
// As realloc: a null p allocates, n = 0 frees and returns null.
void* ReallocateFor(const void* caller, void* p, size_t n, const char* call);
SPANHEAP_ALWAYS_INLINE void* Reallocate(void* p, size_t n, const char* call) {
  return ReallocateFor(__builtin_return_address(0), p, n, call);
}
void* ReallocateArrayFor(const void* caller, void* p, size_t count, size_t size, const char* call);
SPANHEAP_ALWAYS_INLINE void* ReallocateArray(void* p, size_t count, size_t size, const char* call) {
  return ReallocateArrayFor(__builtin_return_address(0), p, count, size, call);
}
// A block of n bytes at a multiple of `alignment`; EINVAL unless that is a power of two.
void* AllocateAlignedFor(const void* caller, size_t alignment, size_t n);
SPANHEAP_ALWAYS_INLINE void* AllocateAligned(size_t alignment, size_t n) {
  return AllocateAlignedFor(__builtin_return_address(0), alignment, n);
}
// As posix_memalign: returns zero or an error number; errno never changes, *out only on success.
int AllocateAlignedInto(const void* caller, void** out, size_t alignment, size_t n);

}  // namespace spanheap::face
