// SPDX-License-Identifier: MIT
//
// ThreadCache: what happens when a bin is empty or full: blocks move between one thread's stacks
// and the spans, in batches.
//
// Idea.       A bin is closed until it is first used, starts small and doubles its capacity each
//             time it runs empty or full, up to a bound per class and a bound per thread; past
//             that another bin of the thread, picked in turn, halves. Half the capacity moves at
//             a time (a refill: 128 blocks at most): the oldest half when it is full, so that
//             what was just freed stays hot. It goes to the shelf (spans/batch_shelf.h), from
//             where bins are filled first, or back to the spans. A thread that keeps more than its
//             share of what all may (cache_share.h) yields: its classes, in turn, let their spans
//             go, and halve and then close their bins.
// Threads.    The block's owner inside a CoreSection, or somebody else while it cannot run.
// Fails.      Null when no memory can be had; nothing is lost then.
// Cost.       A refill: one compare-exchange per span and one atomic per bitmap word. A flush: see
//             spans/return_batch.h.
// Go.         mcache.go refill/releaseAll; capacities after jemalloc's and tcmalloc's thread
//             caches.
// Tests.      tests/caches/thread_cache_test.cc.
#pragma once

#include "caches/cache_share.h"
#include "caches/thread_block.h"
#include "spans/span_heap.h"

namespace spanheap {

class ThreadCache {
 public:
  ThreadCache(SpanHeap& heap, CacheShare& share, ThreadBlock& block)
      : heap_(heap), share_(share), block_(block) {}

  // A new or ended block is ready for its owner: all bins empty.
  void Begin();
  // Gives everything away: stacks to the shelf or back to the spans, spans, pages. The block may
  // begin again afterwards.
  void End();

  // A block of the class, when its bin is empty.
  void* Refill(unsigned c, bool& zeroed);
  // Takes p, when its bin is full or closed: it is pushed, or goes back to its span.
  void PushFull(unsigned c, void* p, const char* call);
  // One block straight from, or straight to, where its class lives; no bin is used.
  void* TakeOne(unsigned c);
  void ReturnOne(unsigned c, void* p, const char* call) { ReturnBlocks(c, &p, 1, call); }
  // A run of a class beyond malloc's table that this thread kept; null if there is none. This and
  // the next: caches/held_runs_inl.h.
  void* PopHeldRun(unsigned c);
  // Keeps such a run for later. False: this thread keeps enough already.
  bool TryHoldRun(unsigned c, void* p, const char* call);
  // A run whose start is a multiple of `alignment` pages, never from a bin; `zeroed` says whether
  // it is known to be zero.
  void* AllocateRun(unsigned c, Pages alignment, bool& zeroed);
  // A live run now counts as one of another class.
  void NoteResized(unsigned from, unsigned to);

  // All blocks of every bin go back; held spans are dropped; the page cache is emptied.
  void Flush();
  // Checks the block's bins and sums against one another.
  void Verify() const;

 private:
  // What one thread may hold in bins of small classes; more by what closed ones open with.
  static constexpr size_t kMaxSmallBytes = (4 << 20) + FirstSmallBytes();
  // Of so many visits at that bound one makes a bin grow. A prime: classes come in any rhythm.
  static constexpr unsigned kCrowdedVisits = 5;
  // CacheShare hears of changes of so much.
  static constexpr size_t kNoteStep = 64 << 10;
  // A bin grows to a quarter of what its thread may keep.
  static constexpr uint64_t kBinsInShare = 4;

  void Join();
  void CloseBin(unsigned c);
  bool TryOpenBin(unsigned c);
  bool TryTakeSpan(unsigned c);
  void LetSpanGo(unsigned c);
  void NoteTaken(unsigned c, uint32_t n);
  void NoteReturned(unsigned c, uint32_t n);
  // How many blocks a refill takes.
  uint32_t BatchOf(unsigned c) const;
  void* RefillSmall(unsigned c);
  uint32_t TakeBatch(unsigned c, uint32_t want, void** out);
  bool TryGrow(unsigned c);
  void PrefetchTop(unsigned c);
  bool TryMakeRoom(unsigned c, const char* call);
  void ShrinkAnother(unsigned c);
  void ShrinkTo(unsigned c, uint32_t capacity);
  void KeepToShare(unsigned c) {
    if (block_.kept_bytes - block_.noted_bytes + kNoteStep > 2 * kNoteStep) NoteKept();
    if (block_.kept_bytes > share_.bytes()) [[unlikely]]
      KeepToShareSlow(c);
  }
  void NoteKept();
  SPANHEAP_COLD void KeepToShareSlow(unsigned c);
  void Yield(unsigned c);
  void NoteHeldGone(unsigned c, uint32_t n);
  void NoteCapacity(unsigned c, uint32_t capacity);
  void SetCapacity(unsigned c, uint32_t capacity);
  void MoveToFullStack(unsigned c);
  void ShedOldest(unsigned c, uint32_t n, const char* call);
  void FlushOldest(unsigned c, uint32_t n, const char* call);
  void DropOldest(unsigned c, uint32_t n);
  bool PassesBy(unsigned c, const void* p, const char* call);
  void ReturnBlocks(unsigned c, void** blocks, uint32_t n, const char* call);
  void MoveTop(unsigned c, void** top) { block_.bins.tops[c].StoreRelease(top); }

  SpanHeap& heap_;
  CacheShare& share_;
  ThreadBlock& block_;
};

}  // namespace spanheap
