// SPDX-License-Identifier: MIT
//
// The names that libc's headers do not declare, weak: null where the heap in use lacks them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "spanheap/gc_c.h"

#define WEAK extern "C" __attribute__((weak))

WEAK void* reallocf(void* p, size_t n) noexcept;
WEAK size_t malloc_size(const void* p) noexcept;
WEAK size_t malloc_good_size(size_t n) noexcept;
WEAK void cfree(void* p) noexcept;
WEAK void free_sized(void* p, size_t n) noexcept;
WEAK void free_aligned_sized(void* p, size_t alignment, size_t n) noexcept;

WEAK void* mallocx(size_t n, int flags);
WEAK void* rallocx(void* p, size_t n, int flags);
WEAK size_t xallocx(void* p, size_t n, size_t extra, int flags);
WEAK size_t sallocx(const void* p, int flags);
WEAK void dallocx(void* p, int flags);
WEAK void sdallocx(void* p, size_t n, int flags);
WEAK size_t nallocx(size_t n, int flags);
WEAK int mallctl(const char* name, void* old_value, size_t* old_length, void* new_value,
                 size_t new_length);
WEAK int mallctlnametomib(const char* name, size_t* mib, size_t* mib_length);
WEAK int mallctlbymib(const size_t* mib, size_t mib_length, void* old_value, size_t* old_length,
                      void* new_value, size_t new_length);

WEAK void* __libc_malloc(size_t n);
WEAK void __libc_free(void* p);
WEAK void* __libc_calloc(size_t count, size_t size);
WEAK void* __libc_realloc(void* p, size_t n);
WEAK void* __libc_memalign(size_t alignment, size_t n);
WEAK void* __libc_valloc(size_t n);
WEAK void* __libc_pvalloc(size_t n);
WEAK void __libc_cfree(void* p);
WEAK int __posix_memalign(void** out, size_t alignment, size_t n);

WEAK void* sh_gc_new(sh_layout* layout, size_t count) noexcept;
WEAK void sh_gc_delete(void* object) noexcept;
WEAK int sh_set(const char* name, const char* value) noexcept;
WEAK uint64_t sh_verify(void) noexcept;

#undef WEAK
