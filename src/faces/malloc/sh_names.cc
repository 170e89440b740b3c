// SPDX-License-Identifier: MIT
//
// The sh_ names of include/spanheap/spanheap.h, in both libraries.
#include <errno.h>

#include "faces/malloc/entry.h"
#include "faces/malloc/export.h"
#include "spanheap/spanheap.h"

namespace face = spanheap::face;
namespace heap = spanheap::heap;

SPANHEAP_EXPORT void* sh_malloc(size_t n) noexcept { return face::Allocate(n); }

SPANHEAP_EXPORT void* sh_calloc(size_t count, size_t size) noexcept {
  return face::AllocateZeroed(count, size);
}

SPANHEAP_EXPORT void* sh_realloc(void* p, size_t n) noexcept {
  return face::Reallocate(p, n, "sh_realloc");
}

SPANHEAP_EXPORT void* sh_reallocarray(void* p, size_t count, size_t size) noexcept {
  return face::ReallocateArray(p, count, size, "sh_reallocarray");
}

SPANHEAP_EXPORT void* sh_aligned_alloc(size_t alignment, size_t n) noexcept {
  return face::AllocateAligned(alignment, n);
}

SPANHEAP_EXPORT void sh_free(void* p) noexcept { face::Free(p, "sh_free"); }

SPANHEAP_EXPORT void sh_free_sized(void* p, size_t n) noexcept {
  face::FreeSized(p, n, 0, "sh_free_sized");
}

SPANHEAP_EXPORT void sh_free_aligned_sized(void* p, size_t alignment, size_t n) noexcept {
  face::FreeSized(p, n, alignment, "sh_free_aligned_sized");
}

SPANHEAP_EXPORT size_t sh_usable_size(const void* p) noexcept {
  return heap::UsableSize(p, "sh_usable_size");
}

SPANHEAP_EXPORT size_t sh_good_size(size_t n) noexcept { return heap::GoodSize(n); }

SPANHEAP_EXPORT int sh_owns(const void* p) noexcept { return heap::Owns(p) ? 1 : 0; }

SPANHEAP_EXPORT const char* sh_version() noexcept { return SPANHEAP_VERSION_TEXT; }

SPANHEAP_EXPORT int sh_release_memory() noexcept { return heap::Trim(0) ? 1 : 0; }

SPANHEAP_EXPORT uint64_t sh_verify() noexcept { return heap::Verify(); }
