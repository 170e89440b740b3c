// SPDX-License-Identifier: MIT
#include "spans/metadata_arena.h"

#include "base/bits.h"

namespace spanheap {

void* MetadataArena::Allocate(Bytes size, Bytes alignment) {
  {
    MutexLock lock(mutex_);
    if (void* p = TakeLocked(size, alignment)) return p;
  }
  const Bytes piece_size = size + alignment > kPiece ? RoundUp(size + alignment, kPiece) : kPiece;
  const Address piece = MapPiece(piece_size);
  if (piece == Address()) return nullptr;
  MutexLock lock(mutex_);
  InstallLocked(piece, piece_size);
  return TakeLocked(size, alignment);
}

void* MetadataArena::TakeLocked(Bytes size, Bytes alignment) {
  const Address start = RoundUp(next_, alignment);
  if (start + size > end_) return nullptr;
  next_ = start + size;
  return PointerTo(start);
}

Address MetadataArena::MapPiece(Bytes size) {
  const Address piece = memory_->Reserve(size, os::PageSize(), "spanheap-metadata");
  if (piece == Address()) return piece;
  if (!memory_->MakeReady(piece, size)) {
    memory_->Unreserve(piece, size);
    return Address();
  }
  mapped_.FetchAddRelaxed(size.value);  // relaxed: a statistic
  return piece;
}

// The new piece always serves the request at hand: it is installed even if another thread has
// installed one meanwhile, and the rest of that one is lost.
void MetadataArena::InstallLocked(Address piece, Bytes size) {
  if (piece + size == next_) {  // the kernel hands out downwards: neighbours join
    next_ = piece;
    return;
  }
  next_ = piece;
  end_ = piece + size;
}

}  // namespace spanheap
