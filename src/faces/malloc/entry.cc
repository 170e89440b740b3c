// SPDX-License-Identifier: MIT
#include "faces/malloc/entry.h"

#include <cerrno>

#include "base/bits.h"
#include "base/fatal.h"
#include "runtime/options.h"

namespace spanheap::face {
namespace {

SPANHEAP_COLD void* OutOfMemory() {
  errno = ENOMEM;
  return nullptr;
}

void* OrOutOfMemory(void* p) {
  if (p == nullptr) [[unlikely]]
    return OutOfMemory();
  return p;
}

void* AllocateFor(const void* caller, size_t n) {
  if (void* block = heap::TryAllocateFast(n)) return block;
  return AllocateSlow(n, caller);
}

SPANHEAP_COLD void* ReallocateToZero(void* p, const char* call, const void* caller) {
  if (options.zero_realloc == ZeroRealloc::kAbort) FatalZeroRealloc(call, AddressOf(p));
  heap::Free(p, call, caller);
  return nullptr;
}

}  // namespace

void* AllocateSlow(size_t n, const void* caller) {
  if (void* kept = heap::TryAllocateKept(n)) return kept;
  void* block = heap::Allocate(n);
  heap::AfterAllocation(caller);
  return OrOutOfMemory(block);
}

void* AllocateZeroedSlow(size_t count, size_t size, const void* caller) {
  size_t n = 0;
  if (__builtin_mul_overflow(count, size, &n)) return OutOfMemory();
  void* block = heap::AllocateZeroed(n);
  heap::AfterAllocation(caller);
  return OrOutOfMemory(block);
}

void* ReallocateFor(const void* caller, void* p, size_t n, const char* call) {
  if (p == nullptr) return AllocateFor(caller, n);
  if (n == 0) [[unlikely]]
    return ReallocateToZero(p, call, caller);
  void* const moved = heap::Reallocate(p, n, call);
  if (moved != p) heap::AfterAllocation(caller);
  return OrOutOfMemory(moved);
}

void* ReallocateArrayFor(const void* caller, void* p, size_t count, size_t size, const char* call) {
  size_t n = 0;
  if (__builtin_mul_overflow(count, size, &n)) return OutOfMemory();
  return ReallocateFor(caller, p, n, call);
}

void* AllocateAlignedFor(const void* caller, size_t alignment, size_t n) {
  if (!IsPowerOfTwo(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  if (alignment <= heap::kMinAlignment) return AllocateFor(caller, n);
  void* const block = heap::AllocateAligned(alignment, n);
  heap::AfterAllocation(caller);
  return OrOutOfMemory(block);
}

int AllocateAlignedInto(const void* caller, void** out, size_t alignment, size_t n) {
  if (!IsPowerOfTwo(alignment) || alignment < sizeof(void*)) return EINVAL;
  void* p =
      alignment <= heap::kMinAlignment ? heap::Allocate(n) : heap::AllocateAligned(alignment, n);
  heap::AfterAllocation(caller);
  if (p == nullptr) return ENOMEM;
  *out = p;
  return 0;
}

}  // namespace spanheap::face
