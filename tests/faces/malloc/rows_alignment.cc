// SPDX-License-Identifier: MIT
//
// Rows on alignment: of every block, and of the functions that take one.
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "conformance.h"

namespace conformance {
namespace {

bool IsAligned(const void* p, size_t alignment) {
  return p != nullptr && reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

void EveryBlock(Verdict& v) {
  std::vector<void*> blocks;
  for (size_t n = 0; n < 40000; n += n < 1100 ? 1 : 97) {
    for (void* p : {malloc(n), calloc(1, n), realloc(nullptr, n)}) {
      EXPECT(v, IsAligned(p, 16));
      blocks.push_back(p);
    }
  }
  for (void* p : blocks) free(p);
  v.Note("16, sizes 0 to 40 000");
}

void PosixMemalignErrors(Verdict& v) {
  void* const untouched = &v;
  const size_t bad[] = {0, 1, 2, 4, 3, 7, 12, 24, 48, 100, 4097, (size_t{1} << 40) + 8};
  for (size_t alignment : bad) {
    void* out = untouched;
    errno = 4711;
    EXPECT(v, posix_memalign(&out, alignment, 64) == EINVAL);
    EXPECT(v, errno == 4711 && out == untouched);
  }
  for (size_t n : {size_t{PTRDIFF_MAX}, SIZE_MAX, size_t{1} << 61}) {
    void* out = untouched;
    errno = 4711;
    EXPECT(v, posix_memalign(&out, 64, n) == ENOMEM);
    EXPECT(v, errno == 4711 && out == untouched);
  }
  void* out = untouched;
  errno = 4711;
  EXPECT(v, posix_memalign(&out, 64, 0) == 0 && IsAligned(out, 64) && errno == 4711);
  free(out);
  v.Note("EINVAL, ENOMEM by value; errno and *out untouched");
}

void AlignedAllocErrors(Verdict& v) {
  for (size_t alignment : {size_t{0}, size_t{3}, size_t{48}, size_t{4097}, SIZE_MAX}) {
    errno = 0;
    void* p = aligned_alloc(alignment, 96);
    EXPECT(v, p == nullptr && errno == EINVAL);
    free(p);
  }
  v.Note("null, EINVAL");
}

void AlignedAllocAnySize(Verdict& v) {
  for (size_t n : {size_t{0}, size_t{1}, size_t{33}, size_t{65}, size_t{4099}}) {
    void* p = aligned_alloc(64, n);
    EXPECT(v, IsAligned(p, 64) && malloc_usable_size(p) >= n);
    free(p);
  }
  v.Note("accepted");
}

void Fill(void* p, size_t n) {
  if (p != nullptr) memset(p, 0x5a, n < 100000 ? n : 100000);
}

void PowersOfTwo(Verdict& v) {
  for (unsigned shift = 0; shift <= 30; ++shift) {
    const size_t alignment = size_t{1} << shift;
    for (size_t n : {size_t{1}, size_t{100}, size_t{5000}, size_t{70000}, size_t{3} << 20}) {
      void* out = nullptr;
      void* blocks[] = {aligned_alloc(alignment, n), memalign(alignment, n), nullptr};
      if (alignment >= sizeof(void*) && posix_memalign(&out, alignment, n) == 0) blocks[2] = out;
      EXPECT(v, IsAligned(blocks[0], alignment) && IsAligned(blocks[1], alignment));
      EXPECT(v, alignment < sizeof(void*) || IsAligned(blocks[2], alignment));
      for (void* p : blocks) {
        EXPECT(v, p == nullptr || malloc_usable_size(p) >= n);
        Fill(p, n);
        free(p);
      }
    }
  }
  v.Note("all, blocks of 1 B to 3 MiB");
}

void ManyAtOnce(Verdict& v) {
  std::vector<void*> blocks;
  for (size_t alignment : {32, 64, 128, 256, 1024, 4096, 8192, 65536}) {
    for (int i = 0; i < 100; ++i) {
      void* p = aligned_alloc(alignment, 40 + 16 * i);
      EXPECT(v, IsAligned(p, alignment));
      Fill(p, 40 + 16 * i);
      blocks.push_back(p);
    }
  }
  for (void*& p : blocks) {
    p = realloc(p, 3000);
    EXPECT(v, p != nullptr && AllBytesAre(p, 40, 0x5a));
  }
  for (void* p : blocks) free(p);
  v.Note("800 blocks, then realloc and free of each");
}

void OutOfRange(Verdict& v) {
  for (unsigned shift : {31U, 40U, 62U}) {
    errno = 0;
    void* p = aligned_alloc(size_t{1} << shift, 16);
    EXPECT(v, p == nullptr ? errno == ENOMEM : IsAligned(p, size_t{1} << shift));
    free(p);
  }
  errno = 0;
  void* p = aligned_alloc(size_t{1} << 63, 16);
  EXPECT(v, p == nullptr && (errno == ENOMEM || errno == EINVAL));
  v.Note("null, ENOMEM");
}

void PageAligned(Verdict& v) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (size_t n : {size_t{1}, page - 1, page, page + 1, 10 * page}) {
    void* p = valloc(n);
    void* q = pvalloc(n);
    EXPECT(v, IsAligned(p, page) && malloc_usable_size(p) >= n);
    EXPECT(v, IsAligned(q, page) && malloc_usable_size(q) >= (n + page - 1) / page * page);
    free(p);
    free(q);
  }
  v.Note("page aligned; pvalloc whole pages");
}

void MemalignRoundsUp(Verdict& v) {
  for (size_t alignment : {0, 1, 3, 24, 48, 100, 5000}) {
    size_t power = 1;
    while (power < alignment) power *= 2;
    void* p = memalign(alignment, 64);
    EXPECT(v, IsAligned(p, power));
    free(p);
  }
  v.Note("to the next power of two, as glibc");
}

}  // namespace

Rows AlignmentRows() {
  return {
      {"alignment", "every block starts at a multiple of 16, whatever its size", EveryBlock},
      {"alignment", "1 to 2^30 through aligned_alloc, memalign, posix_memalign", PowersOfTwo},
      {"alignment", "many aligned blocks beside each other, resized and freed", ManyAtOnce},
      {"alignment", "above 2^30: null with ENOMEM, or aligned", OutOfRange},
      {"posix_memalign", "errors by return value; errno and *out untouched", PosixMemalignErrors},
      {"aligned_alloc", "EINVAL unless the alignment is a power of two", AlignedAllocErrors},
      {"aligned_alloc", "the size need not be a multiple of the alignment", AlignedAllocAnySize},
      {"memalign", "any alignment, rounded up", MemalignRoundsUp},
      {"valloc, pvalloc", "aligned to the OS page; pvalloc gives whole pages", PageAligned},
  };
}

}  // namespace conformance
