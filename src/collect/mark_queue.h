// SPDX-License-Identifier: MIT
//
// MarkQueue: grey work that nobody has taken yet: batches of objects, and of spans in the order
// they were found.
//
// Idea.       Workers keep a little work of their own and pass it on by the batch: a batch is 2 KiB
//             of entries. Objects are taken last in first out, which keeps what is looked at in
//             the cache; spans first in first out, so that more of a span's objects are marked by
//             the time it is scanned.
// Invariants. `passed_on` rises with every batch that is put in: if it has not moved while every
//             context was empty, there was no grey object outside.
//             Who has slept since `news` was read is woken by the next batch.
// Threads.    Any. The lock is held for a few instructions, once in 250 entries. AwaitNews: outside
//             of sections.
// Fails.      NewBatch: null when there is no memory.
// Go.         mgcwork.go (lock-free stacks), mgcmark_greenteagc.go spanSPMC (rings with stealing).
// Tests.      tests/collect/mark_work_test.cc, collector_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "collect/scan_kernel.h"
#include "spans/metadata_arena.h"
#include "sync/mutex.h"

namespace spanheap::collected {

struct WorkBatch {
  static constexpr uint32_t kCapacity = 254;
  WorkBatch* next;
  uint32_t count;
  uintptr_t entries[kCapacity];

  bool is_full() const { return count == kCapacity; }
  bool is_empty() const { return count == 0; }
};
static_assert(sizeof(WorkBatch) == 2048);

class MarkQueue {
 public:
  constexpr MarkQueue() = default;
  void Init(MetadataArena& metadata) {
    metadata_ = &metadata;
    processor_ = AskProcessor();
  }
  // What the markers' kernels may use.
  ProcessorHas processor() const { return processor_; }

  WorkBatch* NewBatch() EXCLUDES(mutex_);
  void FreeBatch(WorkBatch* batch) EXCLUDES(mutex_);

  void PutObjects(WorkBatch* batch) EXCLUDES(mutex_);
  void PutSpans(WorkBatch* batch) EXCLUDES(mutex_);
  WorkBatch* TakeObjects() EXCLUDES(mutex_);
  WorkBatch* TakeSpans() EXCLUDES(mutex_);

  bool has_objects() const { return object_batches_.LoadAcquire() != 0; }
  bool has_spans() const { return span_batches_.LoadAcquire() != 0; }
  bool is_empty() const { return !has_objects() && !has_spans(); }
  uint64_t passed_on() const { return passed_on_.LoadAcquire(); }

  // Changes whenever there may be something new to do.
  uint32_t news() const { return news_.LoadSequential(); }
  // Sleeps unless news() is no longer `seen`; may return early.
  void AwaitNews(uint32_t seen);
  // Wakes all that sleep.
  void Announce();
  uint32_t sleepers() const { return sleepers_.LoadSequential(); }

  // Jobs that look for noted pages and have not been done in this mark: written by MarkWork, before
  // any of them begins and after each has queued its pages.
  Atomic<uint32_t> noted_jobs_left;

  void ResetInChild() {
    mutex_.ResetInChild();
    sleepers_.StoreRelease(0);
  }

 private:
  // A batch was put in: one more can work.
  void Tell();

  MetadataArena* metadata_ = nullptr;  // const after Init, as is what follows
  ProcessorHas processor_;
  Mutex mutex_{LockRank::kSpanRecords};
  WorkBatch* objects_ GUARDED_BY(mutex_) = nullptr;
  WorkBatch* spans_ GUARDED_BY(mutex_) = nullptr;  // oldest first
  WorkBatch* last_span_ GUARDED_BY(mutex_) = nullptr;
  WorkBatch* free_ GUARDED_BY(mutex_) = nullptr;
  Atomic<uint32_t> object_batches_;  // written under mutex_
  Atomic<uint32_t> span_batches_;    // written under mutex_
  Atomic<uint64_t> passed_on_;       // written under mutex_
  Atomic<uint32_t> news_;            // a futex word
  Atomic<uint32_t> sleepers_;
};

}  // namespace spanheap::collected
