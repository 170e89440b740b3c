// SPDX-License-Identifier: MIT
//
// The C names: what ISO C, POSIX, glibc, BSD and C23 call an allocation, and glibc's own aliases.
//
// Idea.       A program must find the whole family here or none of it: a block from one heap freed
//             into another is corruption. So every name that glibc has is defined, in one object.
// Invariants. Unversioned: the dynamic linker binds `malloc@GLIBC_2.2.5` to an unversioned name,
//             and never to one that carries another version.
//             Names that other mallocs lack are theirs, if the program's is one (other_malloc.h).
//             libc's headers are not included: attributes in them let the compiler assume things
//             of these functions that only their callers may assume.
// Fails.      As entry.h says; where C libraries differ, docs/conformance.md states the choice.
#include <sys/auxv.h>

#include "base/bits.h"
#include "faces/malloc/entry.h"
#include "faces/malloc/export.h"
#include "faces/malloc/other_malloc.h"

namespace face = spanheap::face;
namespace heap = spanheap::heap;

// ISO C ------------------------------------------------------------------------------------------

SPANHEAP_EXPORT void* malloc(size_t n) noexcept { return face::Allocate(n); }

SPANHEAP_EXPORT void free(void* p) noexcept { face::Free(p, "free"); }

SPANHEAP_EXPORT void* calloc(size_t count, size_t size) noexcept {
  return face::AllocateZeroed(count, size);
}

SPANHEAP_EXPORT void* realloc(void* p, size_t n) noexcept {
  return face::Reallocate(p, n, "realloc");
}

SPANHEAP_EXPORT void* aligned_alloc(size_t alignment, size_t n) noexcept {
  return face::AllocateAligned(alignment, n);
}

SPANHEAP_EXPORT void free_sized(void* p, size_t n) noexcept {
  if (const face::OtherMalloc other = face::FindOtherMalloc()) return other.release(p);
  face::FreeSized(p, n, 0, "free_sized");
}

SPANHEAP_EXPORT void free_aligned_sized(void* p, size_t alignment, size_t n) noexcept {
  if (const face::OtherMalloc other = face::FindOtherMalloc()) return other.release(p);
  face::FreeSized(p, n, alignment, "free_aligned_sized");
}

// POSIX and old Unix -----------------------------------------------------------------------------

SPANHEAP_EXPORT int posix_memalign(void** out, size_t alignment, size_t n) noexcept {
  return face::AllocateAlignedInto(__builtin_return_address(0), out, alignment, n);
}

// Unlike aligned_alloc it takes any alignment and rounds it up to a power of two.
SPANHEAP_EXPORT void* memalign(size_t alignment, size_t n) noexcept {
  constexpr size_t kLargestPower = ~(~size_t{0} >> 1);
  if (alignment > kLargestPower) return face::AllocateAligned(0, n);
  return face::AllocateAligned(size_t{1} << spanheap::Log2Ceil(alignment), n);
}

SPANHEAP_EXPORT void* valloc(size_t n) noexcept {
  return face::AllocateAligned(getauxval(AT_PAGESZ), n);
}

// Whole OS pages, at least one.
SPANHEAP_EXPORT void* pvalloc(size_t n) noexcept {
  const size_t page = getauxval(AT_PAGESZ);
  // What would wrap around is too large all the same: the heap refuses it.
  const size_t wanted = n > heap::kMaxBlock ? n : spanheap::RoundUp(n == 0 ? 1 : n, page);
  return face::AllocateAligned(page, wanted);
}

SPANHEAP_EXPORT void cfree(void* p) noexcept {
  if (const face::OtherMalloc other = face::FindOtherMalloc()) return other.release(p);
  face::Free(p, "cfree");
}

// GNU and BSD ------------------------------------------------------------------------------------

SPANHEAP_EXPORT void* reallocarray(void* p, size_t count, size_t size) noexcept {
  const face::OtherMalloc other = face::FindOtherMalloc();
  size_t n = 0;
  if (other && !__builtin_mul_overflow(count, size, &n)) return other.reallocate(p, n);
  return face::ReallocateArray(p, count, size, "reallocarray");
}

// realloc that frees p when it fails.
SPANHEAP_EXPORT void* reallocf(void* p, size_t n) noexcept {
  const face::OtherMalloc other = face::FindOtherMalloc();
  void* const moved = other ? other.reallocate(p, n) : face::Reallocate(p, n, "reallocf");
  if (moved != nullptr || n == 0) return moved;
  other ? other.release(p) : face::Free(p, "reallocf");
  return nullptr;
}

SPANHEAP_EXPORT size_t malloc_usable_size(void* p) noexcept {
  return heap::UsableSize(p, "malloc_usable_size");
}

SPANHEAP_EXPORT size_t malloc_size(const void* p) noexcept {
  return heap::UsableSize(p, "malloc_size");
}

// What malloc_size would say of a block of n; n itself if no such block can be.
SPANHEAP_EXPORT size_t malloc_good_size(size_t n) noexcept {
  const size_t good = heap::GoodSize(n);
  return good == 0 ? n : good;
}

// glibc's aliases --------------------------------------------------------------------------------

SPANHEAP_EXPORT_ALIAS("malloc") void* __libc_malloc(size_t n) noexcept;
SPANHEAP_EXPORT_ALIAS("free") void __libc_free(void* p) noexcept;
SPANHEAP_EXPORT_ALIAS("calloc") void* __libc_calloc(size_t count, size_t size) noexcept;
SPANHEAP_EXPORT_ALIAS("realloc") void* __libc_realloc(void* p, size_t n) noexcept;
SPANHEAP_EXPORT_ALIAS("memalign") void* __libc_memalign(size_t alignment, size_t n) noexcept;
SPANHEAP_EXPORT_ALIAS("valloc") void* __libc_valloc(size_t n) noexcept;
SPANHEAP_EXPORT_ALIAS("pvalloc") void* __libc_pvalloc(size_t n) noexcept;
SPANHEAP_EXPORT_ALIAS("cfree") void __libc_cfree(void* p) noexcept;
SPANHEAP_EXPORT_ALIAS("posix_memalign")
int __posix_memalign(void** out, size_t alignment, size_t n) noexcept;
