// SPDX-License-Identifier: MIT
//
// MetadataArena: memory for the heap's own records, bump-allocated and never given back one by one.
//
// Idea.       Pieces of 512 KiB from the OS; requests are cut off the current piece under a lock.
//             A thread that finds the piece used up makes the next one ready without the lock and
//             installs it; what was left of the one before is dropped. A request of more than half
//             a piece (a thread's block) has one of its own. Each piece begins with a link to the
//             one before, so that tools find them all.
// Invariants. What Allocate returns is zero, aligned as asked, and stays valid for ever.
// Threads.    Any. No system call under the lock.
// Fails.      Null when the OS refuses.
// Go.         malloc.go persistentalloc.
// Tests.      tests/spans/metadata_arena_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/units.h"
#include "os/memory.h"
#include "pages/memory_gauge.h"
#include "sync/mutex.h"

namespace spanheap {

class MetadataArena {
 public:
  constexpr MetadataArena() = default;
  // `gauge`: what its pieces are charged to, if anything.
  void Init(os::Memory& memory, MemoryGauge* gauge = nullptr) {
    memory_ = &memory;
    gauge_ = gauge;
  }

  // `alignment` is a power of two up to the OS page.
  void* Allocate(Bytes size, Bytes alignment);

  // Bytes made ready so far, used or not.
  Bytes mapped() const { return Bytes(mapped_.LoadRelaxed()); }  // relaxed: a statistic
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  friend struct RootRecord;  // its layout is described to tools
  // Small enough for tiny processes, large enough that a program which then runs out of address
  // space has what its classes and threads need later.
  static constexpr Bytes kPiece = 512_KiB;

  // At the start of each piece.
  struct Piece {
    Piece* next;  // the piece installed before; constant once this one is in the list
    Bytes size;   // of the whole piece
  };

  void* TakeLocked(Bytes size, Bytes alignment) REQUIRES(mutex_);
  void* AllocateAlone(Bytes size, Bytes alignment);
  Piece* MapPiece(Bytes size);
  void LinkLocked(Piece* piece) REQUIRES(mutex_);
  void InstallLocked(Piece* piece) REQUIRES(mutex_);

  Mutex mutex_{LockRank::kMetadata};
  os::Memory* memory_ = nullptr;  // these two are constant after Init
  MemoryGauge* gauge_ = nullptr;
  Atomic<Piece*> pieces_;  // the latest; written under mutex_
  Address next_ GUARDED_BY(mutex_);
  Address end_ GUARDED_BY(mutex_);
  Atomic<size_t> mapped_;
};

}  // namespace spanheap
