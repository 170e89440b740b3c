// SPDX-License-Identifier: MIT
#include "spans/batch_shelf.h"

#include <cstring>

#include "base/bits.h"
#include "base/check.h"
#include "os/memory.h"

namespace spanheap {

bool BatchShelf::Reserve(uint64_t bytes) {
  // Relaxed: a budget, not a message.
  if (bytes_.FetchAddRelaxed(bytes) + bytes <= kMaxBytes) return true;
  bytes_.FetchSubRelaxed(bytes);
  return false;
}

bool BatchShelf::Keep(unsigned malloc_class, void* const* blocks, uint32_t n) {
  const uint64_t bytes = n * BlockBytes(malloc_class);
  if (!Reserve(bytes)) return false;
  Shelf& shelf = shelves_[malloc_class];
  if (TryAppend(shelf, blocks, n)) return true;
  Batch* const batch = NewRecord();
  if (batch == nullptr) {
    bytes_.FetchSubRelaxed(bytes);  // relaxed: a budget
    return false;
  }
  batch->count = n;
  memcpy(batch->blocks, blocks, n * sizeof(void*));
  Batch* empty = nullptr;
  {
    MutexLock lock(shelf.mutex);
    // What was there when this batch did not fit may have been taken meanwhile.
    empty = TakeEmptyLocked(shelf);
    Push(shelf, batch);
    shelf.blocks.AddOwned(n);
  }
  if (empty != nullptr) Recycle(empty);
  return true;
}

BatchShelf::Batch* BatchShelf::TakeEmptyLocked(Shelf& shelf) {
  Batch* const newest = shelf.newest;
  if (newest == nullptr || newest->count != 0) return nullptr;
  Unlink(shelf, newest);
  return newest;
}

// Small batches, those of large blocks above all, share a record.
bool BatchShelf::TryAppend(Shelf& shelf, void* const* blocks, uint32_t n) {
  MutexLock lock(shelf.mutex);
  Batch* const newest = shelf.newest;
  if (newest == nullptr || newest->count + n > kMaxBatch) return false;
  if (newest->count == 0) needed_.StoreRelaxed(true);  // relaxed: a hint, like the other one
  memcpy(newest->blocks + newest->count, blocks, n * sizeof(void*));
  newest->count += n;
  shelf.blocks.AddOwned(n);
  return true;
}

uint32_t BatchShelf::Take(unsigned malloc_class, uint32_t want, void** out) {
  if (blocks(malloc_class) == 0) return 0;
  Shelf& shelf = shelves_[malloc_class];
  Batch* used_up = nullptr;
  uint32_t n;
  {
    MutexLock lock(shelf.mutex);
    Batch* const newest = shelf.newest;
    if (newest == nullptr || newest->count == 0) return 0;
    n = newest->count < want ? newest->count : want;
    newest->count -= n;
    memcpy(out, newest->blocks + newest->count, n * sizeof(void*));
    NoteTaken(shelf, malloc_class, n);
    if (newest->count == 0 && newest != shelf.oldest) {
      Unlink(shelf, newest);
      used_up = newest;
    }
  }
  if (used_up != nullptr) Recycle(used_up);
  return n;
}

uint32_t BatchShelf::TakeOldest(unsigned malloc_class, void** out) {
  Shelf& shelf = shelves_[malloc_class];
  Batch* oldest;
  {
    MutexLock lock(shelf.mutex);
    oldest = shelf.oldest;
    if (oldest == nullptr || oldest->count == 0) return 0;
    Unlink(shelf, oldest);
    NoteTaken(shelf, malloc_class, oldest->count);
  }
  const uint32_t n = oldest->count;
  memcpy(out, oldest->blocks, n * sizeof(void*));
  Recycle(oldest);
  return n;
}

uint64_t BatchShelf::TakeIdleCount(unsigned malloc_class) {
  Shelf& shelf = shelves_[malloc_class];
  MutexLock lock(shelf.mutex);
  const uint64_t idle = shelf.least;
  shelf.least = shelf.blocks.LoadRelaxed();  // relaxed: written under this lock
  return idle;
}

void BatchShelf::NoteTaken(Shelf& shelf, unsigned malloc_class, uint32_t n) {
  shelf.blocks.AddOwned(-uint64_t{n});
  const uint64_t left = shelf.blocks.LoadRelaxed();  // relaxed: written under this lock
  if (left < shelf.least) shelf.least = left;
  bytes_.FetchSubRelaxed(n * BlockBytes(malloc_class));  // relaxed: a budget
}

void BatchShelf::Push(Shelf& shelf, Batch* batch) {
  batch->newer = nullptr;
  batch->older = shelf.newest;
  (shelf.newest != nullptr ? shelf.newest->newer : shelf.oldest) = batch;
  shelf.newest = batch;
}

void BatchShelf::Unlink(Shelf& shelf, Batch* batch) {
  (batch->newer != nullptr ? batch->newer->older : shelf.newest) = batch->older;
  (batch->older != nullptr ? batch->older->newer : shelf.oldest) = batch->newer;
}

// ---- records

BatchShelf::Batch* BatchShelf::FreshRecordLocked() {
  if (begun_ == slab_count_ * kSlab) return nullptr;
  Batch* const batch = slabs_[begun_ / kSlab] + begun_ % kSlab;
  ++begun_;
  return batch;
}

BatchShelf::Batch* BatchShelf::PopRecord() {
  MutexLock lock(records_mutex_);
  if (resting_) return nullptr;
  Batch* batch = unused_;
  if (batch != nullptr) {
    unused_ = batch->older;
  } else {
    batch = FreshRecordLocked();
  }
  if (batch != nullptr) ++in_use_;
  needed_.StoreRelaxed(true);  // relaxed: a hint
  return batch;
}

BatchShelf::Batch* BatchShelf::NewRecord() {
  if (Batch* const batch = PopRecord()) return batch;
  return AddSlab() ? PopRecord() : nullptr;
}

// The memory is found outside of the lock: that may ask the OS.
bool BatchShelf::AddSlab() {
  constexpr uint32_t kMostSlabs = kMaxBatches / kSlab;
  {
    MutexLock lock(records_mutex_);
    if (resting_ || slab_count_ == kMostSlabs) return false;
  }
  const Bytes page = os::PageSize();
  void* const memory = metadata_->Allocate(RoundUp(Bytes(kSlab * sizeof(Batch)), page), page);
  if (memory == nullptr) return false;
  MutexLock lock(records_mutex_);
  if (slab_count_ == kMostSlabs) return true;  // others were faster, and filled the table
  slabs_[slab_count_++] = static_cast<Batch*>(memory);
  return true;
}

void BatchShelf::Recycle(Batch* batch) {
  MutexLock lock(records_mutex_);
  batch->older = unused_;
  unused_ = batch;
  --in_use_;
}

void BatchShelf::RecycleEmpty() {
  for (Shelf& shelf : shelves_) {
    Batch* empty = nullptr;
    {
      MutexLock lock(shelf.mutex);
      empty = TakeEmptyLocked(shelf);
    }
    if (empty != nullptr) Recycle(empty);
  }
}

void BatchShelf::Verify() {
  for (Shelf& shelf : shelves_) {
    MutexLock lock(shelf.mutex);
    uint64_t blocks = 0;
    for (const Batch* batch = shelf.newest; batch != nullptr; batch = batch->older) {
      SPANHEAP_CHECK(batch->count != 0 || shelf.newest == shelf.oldest);
      blocks += batch->count;
    }
    SPANHEAP_CHECK(blocks == shelf.blocks.LoadRelaxed());  // relaxed: written under this lock
  }
}

// While they go nobody gets a record: what overflows goes to its span.
void BatchShelf::GiveBackRecords() {
  if (needed_.Exchange(false) || bytes() != 0) return;
  RecycleEmpty();
  uint32_t slabs;
  {
    MutexLock lock(records_mutex_);
    if (in_use_ != 0 || begun_ == 0 || resting_) return;
    slabs = static_cast<uint32_t>(DivideUp(begun_, kSlab));
    unused_ = nullptr;
    begun_ = 0;
    resting_ = true;
  }
  const Bytes size = RoundUp(Bytes(kSlab * sizeof(Batch)), os::PageSize());
  for (uint32_t i = 0; i < slabs; ++i) memory_->Release(AddressOf(slabs_[i]), size);
  MutexLock lock(records_mutex_);
  resting_ = false;
}

void BatchShelf::ResetInChild() {
  for (Shelf& shelf : shelves_) shelf.mutex.ResetInChild();
  records_mutex_.ResetInChild();
}

}  // namespace spanheap
