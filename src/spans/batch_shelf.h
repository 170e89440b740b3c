// SPDX-License-Identifier: MIT
//
// BatchShelf: blocks that overflowed a thread's bin, by class and by the batch, for the next bin
// that runs empty, in whatever thread. What waits here passes no bitmap.
//
// Idea.       A program that frees more blocks than a bin holds, and then allocates as many, would
//             move each of them through its span's bitmap twice. Here a batch is copied in and out
//             as it is. The shelf of a class is a stack of batches, so that what was freed last,
//             and is hot, goes out first. Like spare spans, all of it goes back to the spans before
//             the heap grows (SpanHeap::GiveUpSpares), so it makes no heap larger.
// Invariants. A block on the shelf is taken as far as its span knows. blocks(c) is the sum of the
//             batches of c. At most kMaxBytes wait here in all, in at most kMaxBatches records. The
//             last record of a class stays when it is used up, for the batch that comes next: an
//             empty one is alone on its shelf.
// Threads.    Any; a lock per class, held while one batch is copied (1 KiB).
// Fails.      Keep says no when the shelf is full, or no record can be had.
// Cost.       Per batch of 128: two copies, four locks; of a small one two. Records come in slabs,
//             2 MiB at most; their memory goes back when all of them are unused (GiveBackRecords).
// Go.         None; its counterpart is the transfer cache of tcmalloc.
// Tests.      tests/spans/batch_shelf_test.cc, against a vector per class.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/platform.h"
#include "layout/malloc_classes.h"
#include "spans/metadata_arena.h"
#include "sync/mutex.h"

namespace spanheap {

class BatchShelf {
 public:
  static constexpr uint32_t kMaxBatch = 128;
  // More keeps more swings of a program away from the bitmaps, and more memory from other classes
  // until the heap would grow. (32 MiB is what gperftools' thread caches may hold in all.)
  static constexpr uint64_t kMaxBytes = 32 << 20;
  static constexpr uint32_t kMaxBatches = 2048;

  constexpr BatchShelf() = default;
  void Init(os::Memory& memory, MetadataArena& metadata) {
    memory_ = &memory;
    metadata_ = &metadata;
  }

  // Keeps n blocks, at most kMaxBatch, of a small class. False: none was kept.
  bool Keep(unsigned malloc_class, void* const* blocks, uint32_t n);
  // Takes up to `want` blocks of the batch kept last, those on its top; `out` gets them in the
  // order they were kept. 0: none there.
  uint32_t Take(unsigned malloc_class, uint32_t want, void** out);
  // Takes the batch kept first, into room for kMaxBatch blocks. 0: none there.
  uint32_t TakeOldest(unsigned malloc_class, void** out);
  // The blocks of a class that nobody has needed since this was last asked: the least that lay
  // there.
  uint64_t TakeIdleCount(unsigned malloc_class);
  // Gives the memory of the records back to the OS, if nothing waits here and nothing was kept
  // since the last call of this.
  void GiveBackRecords();

  // Relaxed, all three: statistics, or hints that save a lock.
  uint64_t blocks(unsigned malloc_class) const {
    return shelves_[malloc_class].blocks.LoadRelaxed();
  }
  uint64_t bytes() const { return bytes_.LoadRelaxed(); }
  bool is_empty() const { return bytes() == 0; }
  void ResetInChild();
  // Checks every shelf.
  void Verify();

 private:
  friend struct RootRecord;  // its layout is described to tools

  struct Batch {
    Batch* newer;  // an unused record keeps the next one in `older`
    Batch* older;
    uint32_t count;
    void* blocks[kMaxBatch];
  };
  struct alignas(kCacheLine) Shelf {
    Mutex mutex{LockRank::kCentralList};
    Batch* newest GUARDED_BY(mutex) = nullptr;
    Batch* oldest GUARDED_BY(mutex) = nullptr;
    uint64_t least GUARDED_BY(mutex) = 0;  // of `blocks` since TakeIdleCount
    Atomic<uint64_t> blocks;               // written under the lock
  };

  // Records made at a time: 14 slabs fill a piece of metadata.
  static constexpr uint32_t kSlab = 32;

  bool Reserve(uint64_t bytes);
  Batch* NewRecord();
  Batch* PopRecord();
  Batch* FreshRecordLocked() REQUIRES(records_mutex_);
  bool AddSlab();
  void Recycle(Batch* batch);
  void RecycleEmpty();
  // The shelf's record without a block, out of it; null: it has none.
  static Batch* TakeEmptyLocked(Shelf& shelf) REQUIRES(shelf.mutex);
  static void Unlink(Shelf& shelf, Batch* batch) REQUIRES(shelf.mutex);
  static void Push(Shelf& shelf, Batch* batch) REQUIRES(shelf.mutex);
  bool TryAppend(Shelf& shelf, void* const* blocks, uint32_t n);
  void NoteTaken(Shelf& shelf, unsigned malloc_class, uint32_t n) REQUIRES(shelf.mutex);

  Shelf shelves_[kSmallClasses + 1];
  os::Memory* memory_ = nullptr;  // constant after Init, like the next one
  MetadataArena* metadata_ = nullptr;
  Atomic<uint64_t> bytes_;  // of all blocks here
  Mutex records_mutex_{LockRank::kSpanRecords};
  Batch* unused_ GUARDED_BY(records_mutex_) = nullptr;
  uint32_t in_use_ GUARDED_BY(records_mutex_) = 0;  // records that are somebody's
  uint32_t begun_ GUARDED_BY(records_mutex_) = 0;   // those and the unused: the first of the slabs
  uint32_t slab_count_ GUARDED_BY(records_mutex_) = 0;
  Atomic<bool> needed_;  // one was, since GiveBackRecords; relaxed: a hint
  bool resting_ GUARDED_BY(records_mutex_) = false;  // the slabs are being given back
  Batch* slabs_[kMaxBatches / kSlab] = {};           // constant once counted
};

}  // namespace spanheap
