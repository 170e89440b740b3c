// SPDX-License-Identifier: MIT
//
// Rows on the four functions of ISO C and their kin: errno, zero sizes, zeroing, growing.
#include <sys/mman.h>
#include <sys/resource.h>

#include <malloc.h>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>

#include "conformance.h"

namespace conformance {
namespace {

// Sizes that no heap can serve; volatile so that the compiler does not see it.
volatile size_t too_large = size_t{PTRDIFF_MAX} + 1;
volatile size_t largest = SIZE_MAX;
volatile size_t half = SIZE_MAX / 2 + 2;

// True if the call returned null and set ENOMEM.
template <class Call>
bool FailsWithEnomem(Call call) {
  errno = 0;
  void* p = call();
  const bool fails = p == nullptr && errno == ENOMEM;
  free(p);
  return fails;
}

void ErrnoOfTooLarge(Verdict& v) {
  EXPECT(v, FailsWithEnomem([] { return malloc(too_large); }));
  EXPECT(v, FailsWithEnomem([] { return malloc(largest); }));
  EXPECT(v, FailsWithEnomem([] { return calloc(1, too_large); }));
  EXPECT(v, FailsWithEnomem([] { return realloc(nullptr, too_large); }));
  EXPECT(v, FailsWithEnomem([] { return aligned_alloc(64, too_large); }));
  EXPECT(v, FailsWithEnomem([] { return memalign(64, too_large); }));
  EXPECT(v, FailsWithEnomem([] { return valloc(too_large); }));
  EXPECT(v, FailsWithEnomem([] { return pvalloc(too_large); }));
  EXPECT(v, FailsWithEnomem([] { return pvalloc(largest); }));
  EXPECT(v, FailsWithEnomem([] { return aligned_alloc(1 << 20, largest - 100); }));
  v.Note("null, ENOMEM from 8 functions");
}

void ErrnoOfOverflow(Verdict& v) {
  EXPECT(v, FailsWithEnomem([] { return calloc(half, 2); }));
  EXPECT(v, FailsWithEnomem([] { return calloc(2, half); }));
  EXPECT(v, FailsWithEnomem([] { return reallocarray(nullptr, half, 2); }));
  EXPECT(v, FailsWithEnomem([] { return calloc(size_t{1} << 32, size_t{1} << 32); }));
  v.Note("null, ENOMEM");
}

// More than there is address space for, but less than PTRDIFF_MAX.
void ErrnoOfUnavailable(Verdict& v) {
  EXPECT(v, FailsWithEnomem([] { return malloc(size_t{1} << 61); }));
  EXPECT(v, FailsWithEnomem([] { return calloc(size_t{1} << 40, size_t{1} << 21); }));
  EXPECT(v, FailsWithEnomem([] { return aligned_alloc(1 << 21, size_t{1} << 61); }));
  // More than the machine has: as libc's, where the kernel is asked for as much at once.
  const size_t much = size_t{1} << 46;
  void* const mapped =
      mmap(nullptr, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    EXPECT(v, FailsWithEnomem([] { return malloc(much); }));
    EXPECT(v, FailsWithEnomem([] { return calloc(1, much); }));
    EXPECT(v, FailsWithEnomem([] { return aligned_alloc(1 << 21, much); }));
  } else {
    munmap(mapped, much);
  }
  void* p = malloc(100);
  EXPECT(v, p != nullptr);
  free(p);
  v.Note("null, ENOMEM; the heap goes on");
}

void FailedReallocKeepsBlock(Verdict& v) {
  for (size_t n : {size_t{24}, size_t{5000}, size_t{100} << 10, size_t{40} << 20}) {
    auto* p = static_cast<char*>(malloc(n));
    EXPECT(v, p != nullptr);
    if (p == nullptr) return;
    memset(p, 'k', n);
    errno = 0;
    EXPECT(v, realloc(p, too_large) == nullptr && errno == ENOMEM);
    errno = 0;
    EXPECT(v, realloc(p, size_t{1} << 61) == nullptr && errno == ENOMEM);
    errno = 0;
    EXPECT(v, reallocarray(p, half, 2) == nullptr && errno == ENOMEM);
    EXPECT(v, AllBytesAre(p, n, 'k'));
    free(p);
  }
  v.Note("old block whole at 24 B, 5 kB, 100 KiB, 40 MiB");
}

void FreeKeepsErrno(Verdict& v) {
  for (size_t n : {size_t{1}, size_t{1000}, size_t{60} << 10, size_t{1} << 20, size_t{8} << 20,
                   size_t{64} << 20, size_t{300} << 20}) {
    void* blocks[3] = {malloc(n), calloc(1, n), aligned_alloc(4096, n)};
    for (void* p : blocks) {
      EXPECT(v, p != nullptr);
      if (p != nullptr) memset(p, 1, n < 4096 ? n : 4096);
      errno = 4711;
      free(p);
      EXPECT(v, errno == 4711);
    }
  }
  errno = 4711;
  free(nullptr);
  EXPECT(v, errno == 4711);
  v.Note("kept, 1 B to 300 MiB");
}

void MallocZero(Verdict& v) {
  void* p = malloc(0);
  void* q = malloc(0);
  void* r = calloc(0, 8);
  void* s = realloc(nullptr, 0);
  EXPECT(v, std::set<void*>({p, q, r, s, nullptr}).size() == 5);
  EXPECT(v, malloc_usable_size(p) >= 1);
  v.Note("4 distinct blocks, usable %zu", malloc_usable_size(p));
  for (void* block : {p, q, r, s}) free(block);
}

void ReallocToZero(Verdict& v) {
  for (size_t n : {size_t{10}, size_t{100} << 10, size_t{64} << 20}) {
    void* p = malloc(n);
    EXPECT(v, realloc(p, 0) == nullptr);
  }
  // Freed indeed: otherwise this needs 1.3 GB.
  const long before = ProcStatus("VmRSS");
  for (int i = 0; i < 20; ++i) {
    void* p = malloc(64 << 20);
    memset(p, 1, 64 << 20);
    EXPECT(v, realloc(p, 0) == nullptr);
    if (v.failed()) return;
  }
  const long grown_kib = ProcStatus("VmRSS") - before;
  EXPECT(v, grown_kib < 200L << 10);
  v.Note("null, block freed");
}

void NullArguments(Verdict& v) {
  auto* p = static_cast<char*>(realloc(nullptr, 100));
  EXPECT(v, p != nullptr);
  if (p != nullptr) memset(p, 1, 100);
  free(p);
  free(nullptr);
  EXPECT(v, malloc_usable_size(nullptr) == 0);
  v.Note("as malloc, no effect, 0");
}

void CallocIsZero(Verdict& v) {
  size_t checked = 0;
  for (int round = 0; round < 3; ++round) {
    for (size_t n = 1; n <= size_t{48} << 20; n += n / 3 + 1) {
      auto* dirty = static_cast<char*>(malloc(n));
      if (dirty != nullptr) memset(dirty, 0xee, n);
      free(dirty);
      auto* p = static_cast<char*>(calloc(1, n));
      EXPECT(v, p != nullptr && AllBytesAre(p, n, 0));
      if (v.failed()) return;
      memset(p, 0xdd, n);
      free(p);
      ++checked;
    }
  }
  v.Note("zero in %zu sizes, after dirty frees of each", checked / 3);
}

// A block that the kernel gives fresh need not be touched by calloc.
void CallocOfFreshPages(Verdict& v) {
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  void* p = calloc(1, size_t{512} << 20);
  getrusage(RUSAGE_SELF, &after);
  EXPECT(v, p != nullptr);
  const long faults = after.ru_minflt - before.ru_minflt;
  EXPECT(v, faults < 100);
  free(p);
  v.Note("512 MiB: %ld page faults", faults);
}

void ReallocKeepsContent(Verdict& v) {
  for (size_t from = 1; from < size_t{4} << 20; from += from / 2 + 1) {
    for (size_t to : {from / 2 + 1, from + 1, from * 3, from + (size_t{1} << 20)}) {
      auto* p = static_cast<char*>(malloc(from));
      EXPECT(v, p != nullptr);
      if (p == nullptr) return;
      memset(p, 'c', from);
      p = static_cast<char*>(realloc(p, to));
      EXPECT(v, p != nullptr && AllBytesAre(p, from < to ? from : to, 'c'));
      if (p != nullptr) memset(p, 'd', to);
      free(p);
      if (v.failed()) return;
    }
  }
  v.Note("1 B to 12 MiB, up and down");
}

// Copying 256 MiB would fault in as many new pages.
void LargeReallocDoesNotCopy(Verdict& v) {
  constexpr size_t kSize = size_t{256} << 20;
  auto* p = static_cast<char*>(malloc(kSize));
  EXPECT(v, p != nullptr);
  if (p == nullptr) return;
  memset(p, 'm', kSize);
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  p = static_cast<char*>(realloc(p, kSize * 4));
  getrusage(RUSAGE_SELF, &after);
  EXPECT(v, p != nullptr);
  const long faults = after.ru_minflt - before.ru_minflt;
  EXPECT(v, faults < 1000);
  EXPECT(v, p != nullptr && p[0] == 'm' && p[kSize / 2] == 'm' && p[kSize - 1] == 'm');
  free(p);
  v.Note("256 MiB to 1 GiB: %ld page faults", faults);
}

void LargeReallocGivesBack(Verdict& v) {
  constexpr size_t kSize = size_t{256} << 20;
  constexpr size_t kLess = kSize / 2 + 4096;
  auto* p = static_cast<char*>(malloc(kSize));
  EXPECT(v, p != nullptr);
  if (p == nullptr) return;
  memset(p, 'm', kSize);
  const long before = ProcStatus("VmRSS");
  p = static_cast<char*>(realloc(p, kLess));
  const long gone = before - ProcStatus("VmRSS");
  EXPECT(v, p != nullptr && AllBytesAre(p, kLess, 'm'));
  EXPECT(v, gone >= static_cast<long>((kSize - kLess) >> 10) - 1024);
  free(p);
  v.Note("256 MiB to 128 MiB + 4 KiB: %ld KiB less resident", gone);
}

void UsableSize(Verdict& v) {
  for (size_t n = 0; n < size_t{70} << 20; n += n / 5 + 1) {
    auto* p = static_cast<char*>(malloc(n));
    EXPECT(v, p != nullptr);
    if (p == nullptr) return;
    const size_t usable = malloc_usable_size(p);
    EXPECT(v, usable >= n && usable > 0);
    memset(p, 7, usable);
    EXPECT(v, malloc_usable_size(p) == usable);
    free(p);
  }
  v.Note("at least asked for, constant, writable");
}

}  // namespace

Rows BasicRows() {
  return {
      {"errno", "more than PTRDIFF_MAX: null and ENOMEM from every function", ErrnoOfTooLarge},
      {"errno", "overflowing products: null and ENOMEM", ErrnoOfOverflow},
      {"errno", "more than there is: null and ENOMEM, the heap goes on", ErrnoOfUnavailable},
      {"errno", "a failed realloc leaves the block as it was", FailedReallocKeepsBlock},
      {"errno", "free leaves errno alone, also where it calls the kernel", FreeKeepsErrno},
      {"malloc(0)", "a pointer of its own, usable size at least 1", MallocZero},
      {"realloc(p, 0)", "frees the block, returns null", ReallocToZero},
      {"null pointers", "realloc allocates, free does nothing, usable size is 0", NullArguments},
      {"zeroing", "calloc's block is zero whatever was there before", CallocIsZero},
      {"zeroing", "calloc does not touch pages that the kernel gives zeroed", CallocOfFreshPages},
      {"realloc", "content is kept up to the smaller size", ReallocKeepsContent},
      {"large realloc", "grows blocks of many MiB without copying", LargeReallocDoesNotCopy},
      {"large realloc", "gives back what it cuts off", LargeReallocGivesBack},
      {"usable size", "at least what was asked for, constant, all of it writable", UsableSize},
  };
}

}  // namespace conformance
