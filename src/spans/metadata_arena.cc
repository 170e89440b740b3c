// SPDX-License-Identifier: MIT
#include "spans/metadata_arena.h"

#include "base/bits.h"

namespace spanheap {

void* MetadataArena::Allocate(Bytes size, Bytes alignment) {
  if (size + size > kPiece) return AllocateAlone(size, alignment);
  {
    MutexLock lock(mutex_);
    if (void* p = TakeLocked(size, alignment)) return p;
  }
  Piece* const piece = MapPiece(RoundUp(Bytes(sizeof(Piece)) + size + alignment, kPiece));
  if (piece == nullptr) return nullptr;
  MutexLock lock(mutex_);
  InstallLocked(piece);
  return TakeLocked(size, alignment);
}

void* MetadataArena::AllocateAlone(Bytes size, Bytes alignment) {
  const Bytes header = RoundUp(Bytes(sizeof(Piece)), alignment);
  Piece* const piece = MapPiece(RoundUp(header + size, os::PageSize()));
  if (piece == nullptr) return nullptr;
  MutexLock lock(mutex_);
  LinkLocked(piece);
  return PointerTo(AddressOf(piece) + header);
}

void* MetadataArena::TakeLocked(Bytes size, Bytes alignment) {
  const Address start = RoundUp(next_, alignment);
  if (start + size > end_) return nullptr;
  next_ = start + size;
  return PointerTo(start);
}

MetadataArena::Piece* MetadataArena::MapPiece(Bytes size) {
  const Address start = memory_->Reserve(size, os::PageSize(), "spanheap-metadata");
  if (start == Address()) return nullptr;
  if (!memory_->MakeReady(start, size)) {
    memory_->Unreserve(start, size);
    return nullptr;
  }
  mapped_.FetchAddRelaxed(size.value);  // relaxed: a statistic
  if (gauge_ != nullptr) gauge_->Charge(size);
  auto* const piece = PointerTo<Piece>(start);
  piece->size = size;
  return piece;
}

void MetadataArena::LinkLocked(Piece* piece) {
  piece->next = pieces_.LoadRelaxed();  // relaxed: written under this lock
  pieces_.StoreRelease(piece);
}

// The new piece always serves the request at hand: it is installed even if another thread has
// installed one meanwhile, and the rest of that one is lost.
void MetadataArena::InstallLocked(Piece* piece) {
  LinkLocked(piece);
  next_ = AddressOf(piece + 1);
  end_ = AddressOf(piece) + piece->size;
}

}  // namespace spanheap
