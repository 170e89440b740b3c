// SPDX-License-Identifier: MIT
//
// The ways in which a program can say the same thing to the malloc face: each takes a number that
// chooses among the names, and checks what the chosen name promises of errno.
#pragma once

#include <bit>
#include <cerrno>

#include "face_names.h"
#include "script_bytes.h"

namespace spanheap::fuzz {

constexpr int kZeroFlag = 0x40;  // of mallocx
inline int AlignmentFlag(size_t alignment) { return std::countr_zero(alignment); }

// Calls that succeed, and frees, leave errno as it was: here always this.
class ErrnoStays {
 public:
  ErrnoStays() { errno = kMark; }
  ~ErrnoStays() { Require(errno == kMark, "errno was changed"); }
  ErrnoStays(const ErrnoStays&) = delete;
  ErrnoStays& operator=(const ErrnoStays&) = delete;

 private:
  static constexpr int kMark = 4711;
};

inline void* Take(unsigned way, size_t n) {
  switch (way % 6) {
    case 0:
      return face_malloc(n);
    case 1:
      return face_realloc(nullptr, n);
    case 2:
      return face__ZnwmRKSt9nothrow_t(n, std::nothrow);
    case 3:
      return face_mallocx(n, 0);
    case 4:
      return face_reallocarray(nullptr, n, 1);
    default:
      return face_malloc(n);
  }
}

inline void* TakeZeroed(unsigned way, size_t n) {
  switch (way % 3) {
    case 0:
      return face_calloc(1, n);
    case 1:
      return face_calloc(n, 1);
    default:
      return face_mallocx(n, kZeroFlag);
  }
}

inline void* TakeAligned(unsigned way, size_t alignment, size_t n) {
  void* block = nullptr;
  switch (way % 5) {
    case 0:
      return face_aligned_alloc(alignment, n);
    case 1:
      // Rounded up to a power of two.
      return face_memalign(alignment < 4 ? alignment : alignment - 1, n);
    case 2:
      Require(face_posix_memalign(&block, alignment < 8 ? 8 : alignment, n) == 0,
              "posix_memalign is refused");
      return block;
    case 3:
      return face_mallocx(n, AlignmentFlag(alignment));
    default:
      return face__ZnwmSt11align_val_tRKSt9nothrow_t(n, std::align_val_t{alignment}, std::nothrow);
  }
}

inline void* Resize(unsigned way, void* p, size_t n) {
  switch (way % 4) {
    case 0:
      return face_realloc(p, n);
    case 1:
      return face_reallocarray(p, 1, n);
    case 2:
      return face_reallocf(p, n);
    default:
      return face_rallocx(p, n, (way & 8) != 0 ? kZeroFlag : 0);
  }
}

inline void Give(unsigned way, void* p) {
  const ErrnoStays stays;
  switch (way % 4) {
    case 0:
      return face_free(p);
    case 1:
      return face_cfree(p);
    case 2:
      return face_dallocx(p, 0);
    default:
      return face__ZdlPv(p);
  }
}

// `alignment`: what was asked for; 0: nothing.
inline void GiveSized(unsigned way, void* p, size_t n, size_t alignment) {
  const ErrnoStays stays;
  switch (way % 3) {
    case 0:
      return alignment == 0 ? face_free_sized(p, n) : face_free_aligned_sized(p, alignment, n);
    case 1:
      return face_sdallocx(p, n, alignment == 0 ? 0 : AlignmentFlag(alignment));
    default:
      return alignment == 0 ? face__ZdlPvm(p, n)
                            : face__ZdlPvmSt11align_val_t(p, n, std::align_val_t{alignment});
  }
}

// Null with this errno.
template <class Call>
void RequireRefused(int error, Call call) {
  errno = 0;
  Require(call() == nullptr, "what cannot be is granted");
  Require(errno == error, "a refusal without its errno");
}

// What no heap can give; `n` is above PTRDIFF_MAX.
inline void RefuseTooMuch(size_t n, size_t overflowing) {
  for (unsigned way : {0, 1, 3, 4}) RequireRefused(ENOMEM, [&] { return Take(way, n); });
  Require(Take(2, n) == nullptr, "new grants what cannot be");  // it promises nothing of errno
  RequireRefused(ENOMEM, [&] { return face_calloc(1, n); });
  RequireRefused(ENOMEM, [&] { return face_calloc(overflowing, 1 + SIZE_MAX / overflowing); });
  RequireRefused(ENOMEM, [&] { return face_reallocarray(nullptr, overflowing, SIZE_MAX / 2); });
  RequireRefused(ENOMEM, [&] { return face_aligned_alloc(64, n); });
  RequireRefused(ENOMEM, [] { return face_memalign(size_t{1} << 31, 1); });
  RequireRefused(ENOMEM, [&] { return face_pvalloc(n); });
  RequireRefused(EINVAL, [&] { return face_aligned_alloc(overflowing * 2 + 1, 8); });
  const ErrnoStays stays;
  void* out = &out;
  Require(face_posix_memalign(&out, 64, n) == ENOMEM && out == &out, "posix_memalign and too much");
  Require(face_posix_memalign(&out, 4, 8) == EINVAL && out == &out, "posix_memalign at 4");
  Require(face_nallocx(n, 0) == 0, "nallocx beyond PTRDIFF_MAX");
  Require(face_malloc_good_size(n) == n, "malloc_good_size beyond PTRDIFF_MAX");
}

}  // namespace spanheap::fuzz
