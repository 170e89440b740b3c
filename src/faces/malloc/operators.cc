// SPDX-License-Identifier: MIT
//
// The twenty replaceable operators: eight ways to say new, twelve to say delete. All are replaced:
// a half would send some of the blocks through the C++ runtime's own, which call malloc and free.
//
// Cost.  new has malloc's fast path, delete has free's. Sized forms check the size at verify level
//        2.
#include <new>

#include "faces/malloc/entry.h"
#include "faces/malloc/new_handler.h"

namespace face = spanheap::face;

namespace {

size_t ValueOf(std::align_val_t alignment) { return static_cast<size_t>(alignment); }

}  // namespace

// new --------------------------------------------------------------------------------------------

void* operator new(size_t n) { return face::New(n); }
void* operator new[](size_t n) { return face::New(n); }

void* operator new(size_t n, const std::nothrow_t&) noexcept { return face::NewOrNull(n); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept { return face::NewOrNull(n); }

void* operator new(size_t n, std::align_val_t alignment) {
  return face::NewAlignedSlow(n, ValueOf(alignment), __builtin_return_address(0));
}
void* operator new[](size_t n, std::align_val_t alignment) {
  return face::NewAlignedSlow(n, ValueOf(alignment), __builtin_return_address(0));
}

void* operator new(size_t n, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return face::NewAlignedOrNullSlow(n, ValueOf(alignment), __builtin_return_address(0));
}
void* operator new[](size_t n, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return face::NewAlignedOrNullSlow(n, ValueOf(alignment), __builtin_return_address(0));
}

// delete -----------------------------------------------------------------------------------------

void operator delete(void* p) noexcept { face::Free(p, "operator delete"); }
void operator delete[](void* p) noexcept { face::Free(p, "operator delete[]"); }

void operator delete(void* p, const std::nothrow_t&) noexcept {
  face::Free(p, "operator delete(nothrow)");
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
  face::Free(p, "operator delete[](nothrow)");
}

void operator delete(void* p, size_t n) noexcept {
  face::FreeSized(p, n, 0, "operator delete(size)");
}
void operator delete[](void* p, size_t n) noexcept {
  face::FreeSized(p, n, 0, "operator delete[](size)");
}

void operator delete(void* p, std::align_val_t) noexcept {
  face::Free(p, "operator delete(alignment)");
}
void operator delete[](void* p, std::align_val_t) noexcept {
  face::Free(p, "operator delete[](alignment)");
}

void operator delete(void* p, size_t n, std::align_val_t alignment) noexcept {
  face::FreeSized(p, n, ValueOf(alignment), "operator delete(size, alignment)");
}
void operator delete[](void* p, size_t n, std::align_val_t alignment) noexcept {
  face::FreeSized(p, n, ValueOf(alignment), "operator delete[](size, alignment)");
}

void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  face::Free(p, "operator delete(alignment, nothrow)");
}
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  face::Free(p, "operator delete[](alignment, nothrow)");
}
