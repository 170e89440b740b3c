// SPDX-License-Identifier: MIT
//
// SpanHeap: blocks in bulk. Cuts spans out of pages, hands out and takes back slots by the batch,
// and hands out runs of whole pages; one per process, shared by all thread caches.
//
// Idea.       No lock guards a span: its holder sets bits, everyone clears them (OwnershipWord).
//             A list lock is taken only when a span changes hands.
// Invariants. Every page of a small span carries its class and record number; the first page of a
//             run carries the run's class; all other pages carry class 0, and no record number.
// Threads.    Any, inside a CoreSection, each with its own PageCache.
// Fails.      Null or 0 when no memory can be had. A block that is no block ends the process.
// Go.         mheap.go allocSpan/freeSpan, mcentral.go cacheSpan/uncacheSpan.
// Tests.      tests/spans/span_heap_test.cc, tests/fuzz/span_fuzz.cc.
#pragma once

#include <cstdint>

#include "base/fatal.h"
#include "layout/malloc_classes.h"
#include "pages/page_heap.h"
#include "spans/batch_shelf.h"
#include "spans/former_block.h"
#include "spans/metadata_arena.h"
#include "spans/span_lists.h"
#include "spans/span_table.h"

namespace spanheap {

class ReturnBatch;

class SpanHeap {
 public:
  constexpr SpanHeap(PageHeap& pages, SpanLists& lists) : pages_(pages), lists_(lists) {}

  bool Init(os::Memory& memory, MetadataArena& metadata, SpanRoom room);

  // --- Small blocks ---
  // A span of the class with free slots, held by the caller.
  Span* TakeSpan(unsigned malloc_class, PageCache& cache);
  static constexpr uint32_t kMaxBatch = BatchShelf::kMaxBatch;
  // Takes up to `want` slots of a held span, ascending from word `cursor` on, into `out`. 0: it has
  // none, or none whose page is backed while a span with such slots waits; the caller drops it.
  uint32_t TakeSlots(Span& span, uint32_t want, uint32_t& cursor, void** out);
  // The caller holds the span no longer.
  void DropSpan(Span& span, PageCache& cache);
  // `n` blocks of one small class come back. `call` is for the line of a fatal end.
  void ReturnSlots(unsigned malloc_class, void* const* blocks, uint32_t n, PageCache& cache,
                   const char* call);

  // Keeps n blocks of a small class, at most kMaxBatch, aside for whoever asks for that class
  // next. False: they had better go back to their spans.
  bool Shelve(unsigned malloc_class, void* const* blocks, uint32_t n);
  // Blocks kept aside, at most `want`; 0: there are none.
  uint32_t TakeShelved(unsigned malloc_class, uint32_t want, void** out) {
    return shelf_.Take(malloc_class, want, out);
  }
  // Blocks of a class that are kept aside.
  uint64_t shelved(unsigned malloc_class) const { return shelf_.blocks(malloc_class); }

  // --- Giving back (scavenge) ---
  // The span of this record if it waits in a central list: the caller holds it from then on, until
  // DropSpan. Null: it does not, or somebody was faster.
  Span* TakeListed(uint32_t index);
  // Holes came or went: the sum of their sizes follows.
  void NoteHoles(int64_t bytes) {
    hole_bytes_.FetchAddRelaxed(static_cast<uint64_t>(bytes));
    pages_.gauge().Uncharge(Bytes(static_cast<size_t>(bytes)));  // sums wrap round
  }
  // Bytes inside spans that were given back to the OS.
  uint64_t hole_bytes() const { return hole_bytes_.LoadRelaxed(); }  // relaxed: a statistic
  void SetOsPage(Bytes os_page) { os_page_ = os_page; }
  Bytes os_page() const { return os_page_; }

  // --- Runs ---
  // A run of the class, its start a multiple of `alignment`; `zeroed` says what is known of it.
  void* AllocateRun(unsigned malloc_class, Pages alignment, PageCache& cache, bool& zeroed);
  void FreeRun(unsigned malloc_class, void* block, PageCache& cache, const char* call);
  // Changes a live run's class where it lies. False: there is no room behind it.
  bool ResizeRun(void* block, unsigned from_class, unsigned to_class);

  // --- Solo blocks: one block, one record, class byte 0 ---
  void* AllocateSolo(Bytes size, PageCache& cache);
  // False: another thread has freed it since the caller looked.
  [[nodiscard]] bool FreeSolo(Span& span, PageCache& cache);

  // Ends the process unless a block of the class starts at `block` and is not free. Only where free
  // blocks are in nobody's bin.
  void CheckLive(unsigned malloc_class, const void* block, const char* call) const;

  // The span whose pages include p, or null.
  Span* SpanOf(Address p) const;
  // The record of a block that is known to be in a small span; record 0 if it is in none.
  Span& SpanOfBlock(const void* block) const {
    // Relaxed: the block is live, so its span was published to this thread with the block.
    return table_.At(FormerBlock::RecordIn(
        pages_.tables().span_of[pages_.IndexOf(AddressOf(block)).value].LoadRelaxed()));
  }
  // The slot of `span` that starts at `block`; ends the process if none does.
  uint32_t SlotOf(const Span& span, unsigned malloc_class, const void* block,
                  const char* call) const {
    const auto offset =
        static_cast<uint32_t>((AddressOf(block) - pages_.AddressOf(span.first)).value);
    const uint32_t slot = SlotAt(offset, span.magic);
    if (slot * span.block_bytes != offset || slot >= span.slots ||
        span.malloc_class != malloc_class) [[unlikely]] {
      FailMisaligned(block, call);
    }
    return slot;
  }
  // For fatal lines: what is known of the block, or span of blocks, that p lies in; zero: none.
  BlockFacts FactsOf(Address p) const;
  // The same of what p lay in before its page was given up. True: a block began at p.
  bool FindFormer(Address p, BlockFacts& facts) const;

  // Bytes of free runs that are kept back from the page heap.
  uint64_t kept_run_bytes() const { return lists_.runs.bytes(); }
  // Gives what is kept back, blocks on the shelf, runs and empty spans, to the page heap; true if
  // that was anything.
  bool GiveUpSpares();
  // The same for what nobody has taken since the last call of this. By one thread at a time.
  bool GiveUpIdleSpares();

  PageHeap& pages() { return pages_; }
  const SpanTable& table() const { return table_; }
  // Spans of a small class that exist now.
  uint64_t span_count(unsigned malloc_class) const {
    return span_counts_[malloc_class].LoadRelaxed();  // relaxed: a statistic
  }
  // Bytes of small spans and of solo blocks that exist now.
  uint64_t small_bytes() const { return small_bytes_.LoadRelaxed(); }  // relaxed: a statistic
  uint64_t solo_bytes() const { return solo_bytes_.LoadRelaxed(); }    // relaxed: a statistic
  uint64_t solo_count() const { return solo_count_.LoadRelaxed(); }    // relaxed: a statistic

  // Checks every span of a quiet heap; `used` receives set bits per class.
  void Verify(uint64_t (&used)[kMallocClassCount]);
  void ResetInChild();

 private:
  friend struct RootRecord;  // its layout is described to tools
  friend class LoneReturn;

  Span* NewSpan(unsigned malloc_class, PageCache& cache);
  void BeginSmall(Span& span, unsigned malloc_class, const PageRun& run);
  void Publish(const Span& span);
  void Unpublish(const Span& span);
  BlockFacts FactsOfRun(PageIndex page) const;
  bool GiveUpShelf();
  bool GiveUpIdleShelf();
  uint32_t Unshelve(unsigned malloc_class, PageCache& cache);
  // An empty span, held by the caller: kept for the next one, or taken apart.
  void Retire(Span& span, PageCache& cache);
  // Takes an empty span apart; its pages are the caller's then.
  PageRun TakeApart(Span& span);
  uint32_t TakeSlotsAmongHoles(Span& span, uint32_t want, void** out);
  uint32_t TakeSlotsBeside(uint32_t units, Span& span, uint32_t want, void** out);
  bool IsBacked(Span& span) const;
  uint32_t TakeSome(Span& span, uint32_t word, uint64_t mask, uint32_t want, void** out);
  void FillHoles(Span& span, uint32_t word, uint64_t mask);
  void FillAllHoles(Span& span);
  [[noreturn]] SPANHEAP_COLD void FailDoubleFree(const void* block, const char* call) const;
  [[noreturn]] SPANHEAP_COLD void FailMisaligned(const void* block, const char* call) const;
  [[noreturn]] SPANHEAP_COLD void FailTwice(const Span& span, uint32_t word, uint64_t twice,
                                            const char* call) const;
  void ReturnSorted(unsigned malloc_class, void* const* blocks, uint32_t n, PageCache& cache,
                    const char* call);
  // All of `mask` was set; a bit that was not is a block freed twice.
  void ClearSlots(Span& span, uint32_t word, uint64_t mask, const char* call) {
    const uint64_t twice = mask & ~span.ClearBits(word, mask);
    if (twice != 0) [[unlikely]]
      FailTwice(span, word, twice, call);
  }
  void NoteReturned(Span& span, uint32_t k, unsigned malloc_class, PageCache& cache);
  void FollowUp(OwnershipWord::Next next, Span& span, uint32_t slots, unsigned malloc_class,
                PageCache& cache);
  void VerifySpan(const Span& span) const;
  bool ExtendPages(PageIndex end, Pages more);
  PageRun TakePages(Pages n, Pages alignment, PageCache& cache);

  PageHeap& pages_;
  SpanLists& lists_;
  SpanTable table_;
  BatchShelf shelf_;
  Atomic<uint64_t> span_counts_[kSmallClasses + 1];
  Atomic<uint64_t> small_bytes_;
  Atomic<uint64_t> solo_bytes_;
  Atomic<uint64_t> solo_count_;
  Atomic<uint64_t> hole_bytes_;
  Bytes os_page_{4096};  // constant once set
};

}  // namespace spanheap
