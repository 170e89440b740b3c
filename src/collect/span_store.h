// SPDX-License-Identifier: MIT
//
// SpanStore: the collected spans of the process: made of pages, kept by kind, swept, given back.
//
// Idea.       Three lists per kind: partial (swept, with free slots), full (swept), unswept. The
//             end of a mark raises the generation by 2 and moves all of a kind's spans to unswept
//             by joining lists. Whoever wins the compare-exchange of a span's generation sweeps it:
//             a thread that needs a slot of that kind, the background, who is to make a large
//             object.
//             In a small heap nobody sweeps ahead: a thread that needs slots sweeps a span of that
//             kind, or others until a page is free. So what it is about to take stays in its
//             processor's cache, and spans stay what they are; the collector's thread would give
//             all pages back just before they are taken again.
//             Sweeping makes the mark bits the allocated bits. A held span is swept where it is;
//             its holder's claimed words were marked when marking began (allocation_cache.h).
//             Where the next mark is to be a young one (collector.h), marks outlive the sweep: what
//             is marked is old then, and what is allocated is young.
// Invariants. As of collected_span.h. Allocated bits past the last slot are set for ever.
//             Marked implies allocated; scanned implies marked.
// Threads.    Any, inside a section. BeginSweep: the world is stopped.
// Fails.      Null when no memory can be had.
// Go.         mcentral.go, mgcsweep.go, mspanset.go (there lock-free sets; here a short lock).
// Tests.      tests/collect/span_store_test.cc, collector_test.cc.
#pragma once

#include "base/annotations.h"
#include "collect/side_tables.h"
#include "collect/span_records.h"
#include "pages/page_heap.h"
#include "policy/young_choice.h"
#include "sync/mutex.h"

namespace spanheap {
struct RootRecord;
}  // namespace spanheap

namespace spanheap::collected {

class Specials;
struct ObjectRef;

struct SpanStoreStats {
  uint64_t span_bytes = 0;  // of all spans, large ones included
  uint64_t spans = 0;
  uint64_t large_bytes = 0;
  uint64_t unswept = 0;        // spans
  uint64_t freed_objects = 0;  // since the start
  uint64_t freed_bytes = 0;
};

class SpanStore {
 public:
  constexpr SpanStore(PageHeap& pages, Specials& specials) : pages_(pages), specials_(specials) {}

  bool Init(os::Memory& memory, MetadataArena& metadata);

  // --- Small objects: a span is held while a thread takes its free slots ---
  // A swept span of the kind with free slots, held by the caller.
  CollectedSpan* TakeSpan(uint8_t kind, PageCache& cache);
  // The caller holds a swept span no longer. It may become another span's record at once.
  void Release(CollectedSpan* span);

  // --- Large objects ---
  // Pages for `bytes`, allocated bit set, type number 0; `zeroed`: known to be zero.
  CollectedSpan* TakeLarge(Bytes bytes, Domain domain, bool& zeroed);

  // --- Freeing by hand: the object's slot is free at once, and its memory zero ---
  // The object's span is swept, nothing is marked, and nobody uses the object. Returns its bytes.
  size_t Free(ObjectRef object);

  // --- Sweeping ---
  // What was marked lives, the rest dies as it is swept. The world is stopped. `keeps_marks`:
  // what lives stays marked. `lazily`: if the heap is small.
  void BeginSweep(bool keeps_marks, bool lazily);
  // Since then nobody sweeps but for what it needs at once.
  bool sweeps_lazily() const { return sweeps_lazily_.LoadAcquire(); }
  bool keeps_marks() const { return keeps_marks_.LoadAcquire(); }
  // Unmarks `count` spans from the record `next` on; false: nothing is marked any more. Everything
  // is swept, the world is stopped. Cost: two lines a page.
  bool ForgetMarks(uint32_t& next, uint32_t count);
  // The slots of the span's word are not marked: they become free. The span is swept, and nothing
  // is being marked.
  void Unmark(const CollectedSpan& span, unsigned word, uint64_t mask);
  // Bytes of objects that were freed by hand while they were marked, since the last call.
  uint64_t TakeFreedMarked() { return freed_marked_.Exchange(0); }
  uint64_t freed_marked() const { return freed_marked_.LoadAcquire(); }
  // What lay in spans that had been empty, or had not been there, at the mark before the last one,
  // and what of it the last one found alive; as far as it is swept. Each answer is given once.
  policy::Newcomers TakeNewcomers();
  // Sweeps one span that nobody holds; returns its pages, 0: none is left in the lists.
  Pages SweepOne();
  // Sweeps what threads hold among `count` records from `next` on; their holders go on meanwhile.
  // False: there are no more records. By the collector only: nobody else begins a sweep.
  bool SweepHeld(uint32_t& next, uint32_t count);
  // Sweeps at least kReclaimStep pages, large objects first. False: about n pages have become free
  // since `before` were in use, or nothing is left to sweep.
  bool ReclaimSome(uint64_t before, Pages n);
  static constexpr Pages kReclaimStep{256};  // others wait for the section that this is in
  // On return the span is swept, by this thread or another. Record 0 is, too: who looks for the
  // span of an object that dies may find that.
  void EnsureSwept(CollectedSpan* span);
  // Spans not swept yet, held ones included.
  uint32_t unswept() const { return unswept_.LoadAcquire(); }
  uint32_t generation() const { return generation_.LoadAcquire(); }
  // Pages swept since BeginSweep, and pages there were then.
  uint64_t swept_pages() const { return swept_pages_.LoadRelaxed(); }  // relaxed: for pacing
  uint64_t pages_in_use() const { return pages_in_use_.LoadRelaxed(); }

  // The live object's span.
  CollectedSpan& SpanOfPage(PageIndex page) const {
    return records_.At(tables_.span_of(page.value).LoadAcquire());
  }
  const SideTables& tables() const { return tables_; }
  const SpanRecords& records() const { return records_; }
  PageHeap& pages() { return pages_; }
  const PageHeap& pages() const { return pages_; }
  uint64_t freed_bytes() const { return freed_bytes_.LoadRelaxed(); }  // relaxed: for pacing
  SpanStoreStats ReadStats() const;
  Bytes metadata() const { return tables_.used() + records_.mapped(); }
  // Checks every span; the world is stopped and nothing is half done.
  void Verify() const;
  void ResetInChild();

 private:
  friend struct spanheap::RootRecord;  // its layout is described to tools
  struct alignas(kCacheLine) Lists {
    Mutex mutex{LockRank::kCentralList};
    uint32_t partial GUARDED_BY(mutex) = 0;  // heads, record numbers
    uint32_t full GUARDED_BY(mutex) = 0;
    uint32_t full_tail GUARDED_BY(mutex) = 0;
    uint32_t unswept GUARDED_BY(mutex) = 0;
  };
  // How many unswept spans a request looks through before it takes new pages.
  static constexpr unsigned kSweepBudget = 100;
  // The largest heap that is swept lazily: twice the least one that is collected at all. More: more
  // is left to sweep before the next mark, and threads sweep for which another processor had time.
  static constexpr Pages kMostLazy{1024};

  CollectedSpan* NewSpan(uint8_t kind, PageCache& cache);
  void Publish(CollectedSpan* span);
  void Begin(CollectedSpan* span, uint8_t kind, const PageRun& run);
  void FreePages(CollectedSpan* span);
  // Clears the slot's bit; true: the span has become empty, and nobody has it but the caller.
  bool ClearSlot(CollectedSpan* span, ObjectRef object);
  uint32_t LiveSlots(const CollectedSpan& span) const;

  static void PushLocked(SpanRecords& records, uint32_t& head, CollectedSpan* span);
  void RemoveLocked(Lists& lists, CollectedSpan* span) REQUIRES(lists.mutex);
  CollectedSpan* PopPartial(uint8_t kind);
  // Claimed for sweeping.
  CollectedSpan* PopUnswept(uint8_t kind);
  // `live` slots of it are in use.
  void Push(CollectedSpan* span, uint32_t live);
  void JoinLocked(Lists& lists) REQUIRES(lists.mutex);

  // False: somebody else sweeps it, or has. ClaimSweep takes it out of its list, too.
  bool TryClaim(CollectedSpan* span);
  bool ClaimSweep(CollectedSpan* span);
  // Sweeps a claimed span's bits; returns the live slots.
  uint32_t SweepBits(CollectedSpan* span);
  void NoteNewcomers(const CollectedSpan& span, uint32_t live, uint32_t freed);
  // Sweeps a claimed span and puts it where it belongs.
  void SweepClaimed(CollectedSpan* span);
  void NoteSwept(CollectedSpan* span, bool hold);
  CollectedSpan* SweepForSlots(uint8_t kind);
  void SweepForPage();
  void VerifySpan(const CollectedSpan& span) const;

  PageHeap& pages_;
  Specials& specials_;
  SideTables tables_;
  SpanRecords records_;
  Lists lists_[kKindCount];
  Atomic<uint32_t> generation_{4};
  Atomic<uint32_t> unswept_;
  Atomic<uint32_t> sweep_kind_;  // the first kind that may have unswept spans
  Atomic<uint64_t> swept_pages_;
  Atomic<uint64_t> pages_in_use_;
  Atomic<uint64_t> span_count_;
  Atomic<uint64_t> large_pages_;
  Atomic<uint64_t> freed_objects_;
  Atomic<uint64_t> freed_bytes_;
  Atomic<uint64_t> freed_marked_;
  Atomic<uint64_t> new_bytes_;  // TakeNewcomers
  Atomic<uint64_t> new_kept_;
  Atomic<bool> keeps_marks_;  // written with the world stopped, as what follows
  Atomic<bool> sweeps_lazily_;
};

}  // namespace spanheap::collected
