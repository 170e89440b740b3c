// SPDX-License-Identifier: MIT
//
// SideTables: what stands beside each page of a collected span: kind, record, note, mark, scanned,
// allocated and pointer bits, and who has queued the page. All by page number, nothing inside
// pages.
//
// Idea.       One reservation made when the collector starts, made ready in steps as chunks get
//             their first collected page. Kind bytes may be read for every page of the heap before
//             that: they read as zero. Entries that no span of a chunk needs are ready, but nobody
//             touches them: they count as taken once one does.
// Picture.    page n:  kind_of[n]  span_of[n]  note[n]
//             marks[n]      marked, scanned, some allocated bits, owner (mark_block.h)
//             allocated[n]  8 words, of spans of 257 to 512 slots
//             pointers[n]   16 words, a bit per word of a page  (8-byte slots: 16 words allocated)
// Invariants. Of a page that is in no collected span, kind, note, owner, marks and allocated bits
//             are zero.
// Threads.    Any. Cover takes a lock when a chunk is new. Entries are atomics.
// Fails.      Init and Cover: false when the OS refuses.
// Go.         malloc.go heapArena, mgcmark_greenteagc.go's inline bits (there at the page's end).
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/platform.h"
#include "collect/mark_block.h"
#include "collect/span_kind.h"
#include "mutators/page_notes.h"
#include "os/memory.h"
#include "pages/memory_gauge.h"
#include "pages/stepped_table.h"
#include "sync/mutex.h"

namespace spanheap {
struct RootRecord;
}  // namespace spanheap

namespace spanheap::collected {

struct alignas(kCacheLine) AllocatedBlock {
  Atomic<uint64_t> words[8];
};
struct alignas(128) PointerBlock {
  Atomic<uint64_t> words[16];
};

class SideTables {
 public:
  // For one page: what every span needs.
  static constexpr size_t kBytesPerPage =
      2 * sizeof(uint8_t) + sizeof(uint32_t) + sizeof(MarkBlock);

  constexpr SideTables() = default;

  // Tables for `pages` page numbers.
  // What spans need is charged to `gauge`, a chunk at a time.
  bool Init(os::Memory& memory, size_t pages, MemoryGauge& gauge);
  // Makes the entries of pages [first, first + n) ready for a span of this kind.
  bool Cover(PageIndex first, Pages n, const SpanKind& kind) {
    const uint8_t needs = NeedsOf(kind);
    const uint32_t last = ChunkOf(first + Pages(n.value - 1)).value;
    for (uint32_t c = ChunkOf(first).value; c <= last; ++c) {
      if ((covered_[c].LoadAcquire() & needs) != needs) return CoverSlow(first, n, needs);
    }
    return true;
  }

  Atomic<uint8_t>& kind_of(uint32_t page) const { return kind_of_[page]; }
  Atomic<uint32_t>& span_of(uint32_t page) const { return span_of_[page]; }
  // Between marks: something was stored into the page (PageNotes).
  Atomic<uint8_t>& note_of(uint32_t page) const { return notes_[page]; }
  PageNotes Notes(uintptr_t base, size_t bytes) const { return {base, bytes, kind_of_, notes_}; }
  // Calls `visit` for each page of the chunk whose note is not 0.
  template <class Visit>
  void ForEachNoted(uint32_t chunk, Visit&& visit) const {
    if (covered_[chunk].LoadAcquire() == 0) return;
    const uint32_t first = chunk << kChunkPagesShift;
    for (uint32_t page = first; page < first + kChunkPages.value; ++page) {
      if (notes_[page].LoadRelaxed() != 0) visit(page);  // relaxed: set before the last stop
    }
  }
  // Calls `use` with the atomic that says who has queued the page, for a marker: a word beside the
  // marks, which markers write together with it, or the page's note.
  template <class Use>
  SPANHEAP_ALWAYS_INLINE auto WithOwner(uint32_t page, const SpanKind& kind, Use&& use) const {
    return kind.owner_word != 0 ? use(marks_[page].words[kind.owner_word]) : use(notes_[page]);
  }
  // No chunk from here on has entries.
  uint32_t chunk_end() const { return chunk_end_.LoadAcquire(); }
  // A bit per slot; `page` is the span's first.
  Atomic<uint64_t>* marks(uint32_t page) const { return marks_[page].words; }
  Atomic<uint64_t>* scanned(uint32_t page, const SpanKind& kind) const {
    const bool is_few = kind.words <= MarkBlock::kScannedOfFew;
    return marks_[page].words + (is_few ? MarkBlock::kScannedOfFew : MarkBlock::kScanned);
  }
  Atomic<uint64_t>* allocated(uint32_t page, const SpanKind& kind) const {
    if (IsBesideMarks(kind)) return marks_[page].words + MarkBlock::kAllocated;
    return IsAmongPointers(kind) ? pointers_[page].words : allocated_[page].words;
  }
  // The allocated bits lie in the marks' cache line.
  static constexpr bool IsBesideMarks(const SpanKind& kind) {
    return kind.words <= MarkBlock::kScanned - MarkBlock::kAllocated;
  }
  Atomic<uint64_t>* pointers(uint32_t page) const { return pointers_[page].words; }

  size_t page_capacity() const { return pages_; }
  // Bytes of entries that spans need, and of address space.
  Bytes used() const;
  Bytes reserved() const { return reserved_; }
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  friend struct spanheap::RootRecord;  // its layout is described to tools
  static constexpr unsigned kTables = 6;
  // Bits of covered_.
  static constexpr uint8_t kReady = 1;
  static constexpr uint8_t kNeedsAllocated = 2;
  static constexpr uint8_t kNeedsPointers = 4;

  // Slots of 8 bytes have no pointers, and so many allocated bits that these take their place.
  static constexpr bool IsAmongPointers(const SpanKind& kind) {
    return kind.words > sizeof(AllocatedBlock) / 8;
  }
  static constexpr uint8_t NeedsOf(const SpanKind& kind) {
    const bool has_pointers = kind.domain == Domain::kBits || IsAmongPointers(kind);
    const bool has_block = !IsBesideMarks(kind) && !IsAmongPointers(kind);
    return static_cast<uint8_t>(kReady | (has_block ? kNeedsAllocated : 0) |
                                (has_pointers ? kNeedsPointers : 0));
  }
  SPANHEAP_COLD bool CoverSlow(PageIndex first, Pages n, uint8_t needs) EXCLUDES(mutex_);
  bool MakeReadyLocked(uint32_t chunk) REQUIRES(mutex_);
  void ChargeLocked(uint32_t chunk, uint8_t needs) REQUIRES(mutex_);

  size_t pages_ = 0;  // const after Init, down to covered_
  os::Memory* memory_ = nullptr;
  MemoryGauge* gauge_ = nullptr;
  Bytes reserved_;
  Atomic<uint8_t>* kind_of_ = nullptr;
  Atomic<uint8_t>* notes_ = nullptr;
  Atomic<uint32_t>* span_of_ = nullptr;
  MarkBlock* marks_ = nullptr;
  AllocatedBlock* allocated_ = nullptr;
  PointerBlock* pointers_ = nullptr;
  Atomic<uint8_t>* covered_ = nullptr;       // a byte per chunk; written under mutex_
  Atomic<uint64_t> used_;                    // bytes; the same
  Atomic<uint32_t> chunk_end_;               // written under mutex_
  Mutex mutex_{LockRank::kCollectedTables};  // held across the system call
  SteppedTable tables_[kTables] GUARDED_BY(mutex_);
};

}  // namespace spanheap::collected
