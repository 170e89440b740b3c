// SPDX-License-Identifier: MIT
//
// Changing a block's size: in place while its class, the pages behind it or its window allow, by
// copying otherwise.
#include <algorithm>
#include <cstring>

#include "caches/fast_path_inl.h"
#include "runtime/block_lookup.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"

namespace spanheap::heap {
namespace {

bool ResizeRun(void* p, unsigned from, size_t n) {
  if (n > kMaxRunBytes || n <= kMaxSmallBytes) return false;
  const unsigned to = MallocClassFor(n);
  const HeapSection section;
  if (!section.is_open() || !runtime.spans.ResizeRun(p, from, to)) return false;
  section.cache().NoteResized(from, to);
  return true;
}

void* ResizeLarge(void* p, size_t n) {
  if (n <= kMaxRunBytes || n > kMaxBlock) return nullptr;
  const HeapSection section;
  return section.is_open() ? runtime.large.Resize(p, Bytes(n)) : nullptr;
}

// Null: it stays as it is.
void* ResizeInPlace(void* p, size_t n, size_t usable) {
  void* resized = nullptr;
  if (usable > kMaxSmallBytes && runtime.pages.Contains(AddressOf(p))) {
    const unsigned c =
        runtime.pages.tables().class_of[runtime.pages.IndexOf(AddressOf(p)).value].LoadAcquire();
    if (IsRunClass(c) && ResizeRun(p, c, n)) resized = p;
  } else if (usable > kMaxRunBytes) {
    resized = ResizeLarge(p, n);
  }
  if (resized != nullptr && n > usable) runtime.limits.AfterAllocation(n - usable);
  return resized;
}

// What a block of `usable` bytes that is moved to grow to n bytes is given: a run has grown before,
// and is likely to again, so it gets the largest class that still fits n (FitsInPlace). The part
// behind n is address space until it is written, in ordinary pages.
size_t RoomFor(size_t n, size_t usable) {
  if (n <= usable || usable <= kMaxTabledBytes || n > kMaxRunBytes / 2) return n;
  const unsigned c = MallocClassFor(2 * n);
  return BlockBytes(c) < 2 * n ? BlockBytes(c) : BlockBytes(c - 1);
}

// Null: no room is due, or none is to be had as things are; the program did not ask for it. Where
// huge pages were asked for, room would be backed with the block's end: there is none.
void* TryAllocateWithRoom(size_t n, size_t usable) {
  const size_t room = RoomFor(n, usable);
  if (room == n) return nullptr;
  void* fresh = TryAllocateRun(room);
  if (fresh == nullptr) return nullptr;
  const Address end = AddressOf(fresh) + Bytes(n);
  if (!runtime.pages.Contains(end)) return fresh;
  if (runtime.pages.IsAdvisedHuge(runtime.pages.IndexOf(end))) ResizeInPlace(fresh, n, room);
  return fresh;
}

void* Move(void* p, size_t n, size_t usable, const char* call) {
  void* fresh = TryAllocateFast(n);
  if (fresh == nullptr) fresh = TryAllocateWithRoom(n, usable);
  if (fresh == nullptr) fresh = Allocate(n);
  if (fresh == nullptr) return nullptr;
  memcpy(fresh, p, n < usable ? n : usable);
  if (!TryFreeFast(runtime.pages.tables(), p)) Free(p, call);
  return fresh;
}

// What fits where it is (FitsInPlace) leaves memory behind; of a large block this goes back when it
// is an eighth of it. Where the size goes up and down by less, no system call follows it; by more,
// it is those of libc's malloc, which asks the kernel for every page. Large it stays, so that it
// may grow in its window again. A run keeps its end: that may be the room of its next growth
// (RoomFor), and nothing tells how much of it was asked for last.
void CutLarge(void* p, size_t n, size_t usable) {
  const size_t kept = std::max(n, kMaxRunBytes + 1);
  if (usable - kept >= usable / 8) ResizeLarge(p, kept);
}

// A block that stays where it is comes to no free that would look at it.
void CheckLive(const void* p, const char* call) {
  const HeapSection section;
  if (!section.is_open()) return;
  const BlockInfo info = LookUp(p);
  if (info.kind == BlockKind::kClassed) runtime.spans.CheckLive(info.malloc_class, p, call);
}

SPANHEAP_NOINLINE void* ReallocateSlow(void* p, size_t n, size_t usable, const char* call) {
  if (usable == 0) return nullptr;  // what p is cannot be told now
  if (options.verify >= 2) CheckLive(p, call);
  if (FitsInPlace(n, usable)) {
    if (usable > kMaxRunBytes) CutLarge(p, n, usable);
    return p;
  }
  if (void* resized = ResizeInPlace(p, n, usable)) return resized;
  if (void* moved = Move(p, n, usable, call)) return moved;
  // By now what could help has gone back to the OS; there may be room for the difference.
  return ResizeInPlace(p, n, usable);
}

}  // namespace

void* Reallocate(void* p, size_t n, const char* call) {
  const size_t usable = UsableSize(p, call);
  // Most often it stays, of any size but the smallest and the largest.
  if (n > usable || n <= usable / 2 || usable > kMaxRunBytes || options.verify >= 2) [[unlikely]]
    return ReallocateSlow(p, n, usable, call);
  return p;
}

}  // namespace spanheap::heap
