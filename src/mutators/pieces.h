// SPDX-License-Identifier: MIT
//
// Pieces: zeroed memory for this room's own records, straight from the OS, never given back.
//
// Threads. Any; a system call, so outside of the room's locks.
// Fails.   Null.
#pragma once

#include "os/memory.h"

namespace spanheap {

// `size` is a multiple of the OS page.
template <class T>
T* NewPiece(Bytes size, const char* name) {
  os::Memory& memory = os::TheMemory();
  const Address start = memory.Reserve(size, os::PageSize(), name);
  if (start == Address()) return nullptr;
  if (memory.MakeReady(start, size)) return PointerTo<T>(start);
  memory.Unreserve(start, size);
  return nullptr;
}

inline constexpr Bytes kPiece = 64_KiB;

}  // namespace spanheap
