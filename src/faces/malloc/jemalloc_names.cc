// SPDX-License-Identifier: MIT
//
// jemalloc's extended allocation names. Programs find them weakly and, if they are there, use them
// beside malloc and free; so all of them are here: half a set would mix two heaps.
//
// Fails.  Null with ENOMEM where memory is short; 0 from nallocx where no block could be that
//         large.
// Tests.  tests/faces/malloc/conformance.cc.
#include <cstring>

#include "faces/malloc/entry.h"
#include "faces/malloc/export.h"
#include "faces/malloc/jemalloc_flags.h"

namespace face = spanheap::face;
namespace heap = spanheap::heap;
using face::JemallocFlags;

namespace {

bool IsAnyAlignment(JemallocFlags flags) { return flags.alignment() <= heap::kMinAlignment; }

// With zero fill the whole usable size is zero, so that a later rallocx that grows need only clear
// what it adds.
void* AllocateFor(size_t n, JemallocFlags flags) {
  const bool aligned = !IsAnyAlignment(flags);
  void* p = aligned        ? face::AllocateAligned(flags.alignment(), n)
            : flags.zero() ? face::AllocateZeroed(1, n)
                           : face::Allocate(n);
  if (p == nullptr || !flags.zero()) return p;
  const size_t zeroed = aligned ? 0 : n;
  memset(static_cast<char*>(p) + zeroed, 0, heap::UsableSize(p, "mallocx") - zeroed);
  return p;
}

void* MoveTo(void* p, size_t old_size, size_t n, JemallocFlags flags) {
  void* moved = AllocateFor(n, flags);
  if (moved == nullptr) return nullptr;
  memcpy(moved, p, old_size < n ? old_size : n);
  face::Free(p, "rallocx");
  return moved;
}

}  // namespace

SPANHEAP_EXPORT void* mallocx(size_t n, int bits) { return AllocateFor(n, JemallocFlags{bits}); }

SPANHEAP_EXPORT void* rallocx(void* p, size_t n, int bits) {
  const JemallocFlags flags{bits};
  const size_t old_size = heap::UsableSize(p, "rallocx");
  if (!IsAnyAlignment(flags)) return MoveTo(p, old_size, n, flags);
  void* moved = face::Reallocate(p, n == 0 ? 1 : n, "rallocx");
  if (moved == nullptr || !flags.zero()) return moved;
  const size_t new_size = heap::UsableSize(moved, "rallocx");
  if (new_size > old_size) memset(static_cast<char*>(moved) + old_size, 0, new_size - old_size);
  return moved;
}

// Resizing in place only. Blocks keep their size here: whoever asks sees that and moves the block.
SPANHEAP_EXPORT size_t xallocx(void* p, size_t, size_t, int) {
  return heap::UsableSize(p, "xallocx");
}

SPANHEAP_EXPORT size_t sallocx(const void* p, int) { return heap::UsableSize(p, "sallocx"); }

SPANHEAP_EXPORT void dallocx(void* p, int) { face::Free(p, "dallocx"); }

SPANHEAP_EXPORT void sdallocx(void* p, size_t n, int bits) {
  const JemallocFlags flags{bits};
  face::FreeSized(p, n, IsAnyAlignment(flags) ? 0 : flags.alignment(), "sdallocx");
}

// The usable size that mallocx would give for n.
SPANHEAP_EXPORT size_t nallocx(size_t n, int bits) {
  return heap::GoodSizeAligned(JemallocFlags{bits}.alignment(), n);
}
