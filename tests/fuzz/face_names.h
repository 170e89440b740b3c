// SPDX-License-Identifier: MIT
//
// The names of the malloc face with `face_` in front of each: the sources of the libraries, their
// outward names changed (face_names.txt), so that fuzzer, model and sanitizers keep their malloc.
#pragma once

#include <cstddef>
#include <new>

extern "C" {
void* face_malloc(size_t n) noexcept;
void* face_calloc(size_t count, size_t size) noexcept;
void* face_realloc(void* p, size_t n) noexcept;
void* face_reallocarray(void* p, size_t count, size_t size) noexcept;
void* face_reallocf(void* p, size_t n) noexcept;
void* face_aligned_alloc(size_t alignment, size_t n) noexcept;
void* face_memalign(size_t alignment, size_t n) noexcept;
int face_posix_memalign(void** out, size_t alignment, size_t n) noexcept;
void* face_valloc(size_t n) noexcept;
void* face_pvalloc(size_t n) noexcept;
void face_free(void* p) noexcept;
void face_cfree(void* p) noexcept;
void face_free_sized(void* p, size_t n) noexcept;
void face_free_aligned_sized(void* p, size_t alignment, size_t n) noexcept;
size_t face_malloc_usable_size(void* p) noexcept;
size_t face_malloc_good_size(size_t n) noexcept;

void* face_mallocx(size_t n, int flags);
void* face_rallocx(void* p, size_t n, int flags);
size_t face_xallocx(void* p, size_t n, size_t extra, int flags);
size_t face_sallocx(const void* p, int flags);
void face_dallocx(void* p, int flags);
void face_sdallocx(void* p, size_t n, int flags);
size_t face_nallocx(size_t n, int flags);

// The operators: new(nothrow), new(alignment, nothrow), delete, delete(size), delete(size,
// alignment).
void* face__ZnwmRKSt9nothrow_t(size_t n, const std::nothrow_t& tag) noexcept;
void* face__ZnwmSt11align_val_tRKSt9nothrow_t(size_t n, std::align_val_t alignment,
                                              const std::nothrow_t& tag) noexcept;
void face__ZdlPv(void* p) noexcept;
void face__ZdlPvm(void* p, size_t n) noexcept;
void face__ZdlPvmSt11align_val_t(void* p, size_t n, std::align_val_t alignment) noexcept;
}
