// SPDX-License-Identifier: MIT
//
// Rows on the C names: each is there, all are one heap, and each does what its family says.
#include <dlfcn.h>
#include <malloc.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "conformance.h"
#include "foreign_names.h"

// Every name, as an address only: null if nothing defines it.
// clang-format off
#define NAMES(X) \
  X(malloc) X(free) X(calloc) X(realloc) X(aligned_alloc) X(malloc_usable_size) X(memalign) \
  X(posix_memalign) X(pvalloc) X(valloc) X(cfree) X(reallocarray) X(reallocf) X(malloc_size) \
  X(malloc_good_size) X(nallocx) X(sdallocx) X(mallopt) X(mallinfo) X(mallinfo2) \
  X(malloc_trim) X(malloc_info) X(malloc_stats) X(__libc_malloc) X(__libc_free) \
  X(__libc_calloc) X(__libc_realloc) X(__libc_memalign) X(__libc_valloc) X(__libc_pvalloc) \
  X(__libc_cfree) X(__posix_memalign) X(free_sized) X(free_aligned_sized) X(mallocx) \
  X(rallocx) X(xallocx) X(sallocx) X(dallocx) X(mallctl) X(mallctlnametomib) X(mallctlbymib) \
  X(_Znwm) X(_Znam) X(_ZnwmRKSt9nothrow_t) X(_ZnamRKSt9nothrow_t) X(_ZnwmSt11align_val_t) \
  X(_ZnamSt11align_val_t) X(_ZnwmSt11align_val_tRKSt9nothrow_t) \
  X(_ZnamSt11align_val_tRKSt9nothrow_t) X(_ZdlPv) X(_ZdaPv) X(_ZdlPvm) X(_ZdaPvm) \
  X(_ZdlPvRKSt9nothrow_t) X(_ZdaPvRKSt9nothrow_t) X(_ZdlPvSt11align_val_t) \
  X(_ZdaPvSt11align_val_t) X(_ZdlPvmSt11align_val_t) X(_ZdaPvmSt11align_val_t) \
  X(_ZdlPvSt11align_val_tRKSt9nothrow_t) X(_ZdaPvSt11align_val_tRKSt9nothrow_t)
// clang-format on

#define DECLARE(name) extern "C" __attribute__((weak)) char address_of_##name[] asm(#name);
NAMES(DECLARE)
#undef DECLARE

namespace conformance {
namespace {

struct Name {
  const char* name;
  const void* address;
};

#define ENTRY(name) {#name, address_of_##name},
const Name kNames[] = {NAMES(ENTRY)};
#undef ENTRY

const void* ObjectOf(const void* address) {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

void EachIsThere(Verdict& v) {
  int count = 0;
  for (const Name& name : kNames) {
    v.Expect(name.address != nullptr, name.name, __LINE__);
    if (!IsStatic() && name.address != nullptr) {
      v.Expect(ObjectOf(name.address) == ObjectOf(kNames[0].address), name.name, __LINE__);
    }
    ++count;
  }
  v.Note("%d names, all in malloc's object", count);
}

void AllAreOneHeap(Verdict& v) {
  if (cfree == nullptr || reallocf == nullptr) return v.Expect(false, "names missing", __LINE__);
  free(__libc_malloc(10));
  __libc_free(malloc(10));
  cfree(__libc_calloc(10, 10));
  __libc_cfree(realloc(__libc_malloc(10), 1000));
  free(__libc_realloc(malloc(10), 5000));
  free(__libc_memalign(256, 10));
  __libc_free(valloc(10));
  free(__libc_valloc(10));
  free(__libc_pvalloc(10));
  void* p = nullptr;
  EXPECT(v, __posix_memalign(&p, 512, 10) == 0);
  free(reallocf(p, 70000));
  dallocx(malloc(10), 0);
  free(mallocx(10, 0));
  ::operator delete(malloc(10));
  free(::operator new(10));
  v.Note("blocks pass freely between the families");
}

void C23Frees(Verdict& v) {
  if (free_sized == nullptr) return v.Expect(false, "free_sized missing", __LINE__);
  for (size_t n : {size_t{0}, size_t{1}, size_t{100}, size_t{40000}, size_t{2} << 20}) {
    errno = 4711;
    free_sized(malloc(n), n);
    free_sized(calloc(1, n), n);
    free_sized(realloc(malloc(8), n + 1), n + 1);
    free_aligned_sized(aligned_alloc(64, n), 64, n);
    free_aligned_sized(aligned_alloc(4096, n), 4096, n);
    EXPECT(v, errno == 4711);
  }
  free_sized(nullptr, 0);
  free_aligned_sized(nullptr, 64, 10);
  v.Note("as free; null allowed; errno kept");
}

void ReallocfFreesOnFailure(Verdict& v) {
  if (reallocf == nullptr) return v.Expect(false, "reallocf missing", __LINE__);
  volatile size_t too_large = SIZE_MAX / 2 + 10;
  const long before = ProcStatus("VmRSS");
  for (int i = 0; i < 30; ++i) {
    void* p = malloc(16 << 20);
    memset(p, 1, 16 << 20);
    EXPECT(v, reallocf(p, too_large) == nullptr);
  }
  EXPECT(v, ProcStatus("VmRSS") - before < 200L << 10);
  v.Note("null, the block is freed");
}

void GoodSizes(Verdict& v) {
  if (malloc_good_size == nullptr) return v.Expect(false, "malloc_good_size missing", __LINE__);
  for (size_t n = 1; n < size_t{80} << 20; n += n / 7 + 1) {
    void* p = malloc(n);
    EXPECT(v, malloc_good_size(n) == malloc_usable_size(p));
    EXPECT(v, malloc_size(p) == malloc_usable_size(p));
    EXPECT(v, nallocx(n, 0) == malloc_usable_size(p));
    free(p);
  }
  v.Note("foretell the usable size exactly");
}

constexpr int kZero = 0x40;

void JemallocAllocation(Verdict& v) {
  if (mallocx == nullptr) return v.Expect(false, "mallocx missing", __LINE__);
  for (int shift = 0; shift <= 16; ++shift) {
    for (size_t n : {size_t{1}, size_t{100}, size_t{9000}, size_t{100000}}) {
      auto* p = static_cast<unsigned char*>(mallocx(n, shift | kZero));
      EXPECT(v, p != nullptr && reinterpret_cast<uintptr_t>(p) % (size_t{1} << shift) == 0);
      if (v.failed()) return;
      EXPECT(v, sallocx(p, shift) >= n && sallocx(p, shift) == malloc_usable_size(p));
      EXPECT(v, nallocx(n, shift) == sallocx(p, shift));
      EXPECT(v, AllBytesAre(p, sallocx(p, 0), 0));
      memset(p, 'j', sallocx(p, 0));
      sdallocx(p, n, shift);
    }
  }
  EXPECT(v, mallocx(SIZE_MAX / 2 + 10, 0) == nullptr && nallocx(SIZE_MAX / 2 + 10, 0) == 0);
  v.Note("alignment, zero fill, sizes foretold");
}

void JemallocResizing(Verdict& v) {
  if (mallocx == nullptr) return v.Expect(false, "mallocx missing", __LINE__);
  auto* p = static_cast<unsigned char*>(mallocx(100, kZero));
  size_t usable = sallocx(p, 0);
  memset(p, 'j', usable);
  for (size_t n : {size_t{300}, size_t{20000}, size_t{3} << 20, size_t{50} << 20}) {
    p = static_cast<unsigned char*>(rallocx(p, n, kZero));
    EXPECT(v, p != nullptr && AllBytesAre(p, usable, 'j'));
    if (v.failed()) return;
    const size_t grown = sallocx(p, 0);
    EXPECT(v, grown >= n && AllBytesAre(p + usable, grown - usable, 0));
    memset(p, 'j', grown);
    usable = grown;
  }
  EXPECT(v, xallocx(p, usable, 0, 0) == sallocx(p, 0));
  p = static_cast<unsigned char*>(rallocx(p, 200, 12));
  EXPECT(v, p != nullptr && reinterpret_cast<uintptr_t>(p) % 4096 == 0);
  EXPECT(v, AllBytesAre(p, 200, 'j'));
  dallocx(p, 12);
  v.Note("content kept, growth zeroed, alignment obeyed");
}

}  // namespace

Rows NameRows() {
  return {
      {"symbols", "every name of the family is defined, in one object", EachIsThere},
      {"symbols", "all names are one heap", AllAreOneHeap},
      {"C23", "free_sized, free_aligned_sized", C23Frees},
      {"reallocf", "frees the block when it fails", ReallocfFreesOnFailure},
      {"sizes foretold", "malloc_good_size, malloc_size, nallocx = usable size", GoodSizes},
      {"jemalloc", "mallocx, sallocx, nallocx, sdallocx", JemallocAllocation},
      {"jemalloc", "rallocx, xallocx, dallocx", JemallocResizing},
  };
}

}  // namespace conformance
