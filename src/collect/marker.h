// SPDX-License-Identifier: MIT
//
// Marker: one context of marking: finds the objects that words point to, marks them, and scans what
// was marked.
//
// Idea.       Small objects with pointers are not queued one by one: their page is, once, and when
//             its turn comes all objects marked since are scanned together. A page has an owner:
//             0, "one object marked" or "more"; who raises it from 0 queues the page. The
//             scanner sets it to 0 first and then looks at the marks, so no mark is overlooked:
//             either it is seen, or its marker finds 0 and queues the page again. A page that was
//             stored into since the last mark is left to the job that looks for these. Objects with
//             type numbers and large ones go through a stack, large ones in slices.
//             What is found is looked at a little later (mark_window.h). Of a page with several
//             objects to scan a kernel picks the pointers (scan_kernel.h).
// Picture.    word -> MarkWindow -> mark bit -> without pointers: done
//                                             -> page of bits: owner -> ring of spans
//                                             -> type number: stack of objects
// Invariants. Marked before queued. scanned is a subset of marked, also where both outlive their
//             mark, and a hint: an object that was scanned may be so again, one that was not always
//             will be.
// Threads.    A context belongs to one thread at a time and is empty when nobody uses it. Contexts
//             share mark bits and queues. Words of the program are read while it writes them.
// Fails.      The process ends when there is no memory for a batch of 2 KiB to note what is grey.
// Go.         mgcmark.go, mgcmark_greenteagc.go.
// Tests.      Through the collector, against a plain graph: tests/collect/collector_test.cc.
#pragma once

#include "collect/layout_table.h"
#include "collect/mark_queue.h"
#include "collect/mark_window.h"
#include "mutators/page_notes.h"

namespace spanheap::collected {

struct MarkCounts {
  uint64_t marked_bytes = 0;
  uint64_t scanned_bytes = 0;
  uint64_t marked_objects = 0;
  uint64_t visits = 0;  // pages of small objects looked at; the fewer for the objects, the better
};

class Marker {
 public:
  Marker(SpanStore& store, LayoutTable& layouts, MarkQueue& queue)
      : window_(store),
        finder_(store),
        store_(store),
        layouts_(layouts),
        queue_(queue),
        processor_(queue.processor()) {}
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;

  // What `word` points to lives, if it points to anything.
  void Shade(uintptr_t word);
  // Each aligned word of [low, high) may be a pointer.
  void ShadeRange(uintptr_t low, uintptr_t high);
  // What the object points to lives, not the object itself.
  void ShadeContents(ObjectRef object);

  // What is marked on pages that were stored into since is scanned once more: one job for each
  // kChunksPerJob chunks of pages. Returns bytes looked at.
  static constexpr uint32_t kChunksPerJob = 4;
  uint64_t ScanNoted(uint32_t job);

  // Works off grey objects until about `budget` bytes are scanned or none can be had or
  // `should_stop` (if given) says so. Returns the bytes scanned.
  using ShouldStop = bool (*)(void*);
  uint64_t Drain(uint64_t budget, ShouldStop should_stop = nullptr, void* context = nullptr);
  // Passes all grey objects on: the context is empty afterwards.
  void PassOn();
  // Passes some on, if there is enough for another worker.
  void Share();
  bool is_empty() const;

  // What was counted since the last call.
  MarkCounts TakeCounts();

 private:
  static constexpr uint32_t kRing = 256;
  static constexpr size_t kSlice = 128 << 10;
  // So many spans ahead of a span's turn its bits are asked for, and its marked objects.
  static constexpr uint32_t kBitsAhead = 8;
  static constexpr uint32_t kObjectsAhead = 2;
  // Where a span's pages are, of so many spans at a time and well before that: the processor waits
  // for each look-up, but does several at once. 8 and 16: the same.
  static constexpr uint32_t kPagesTogether = 4;
  static constexpr uint8_t kOne = 1;  // owner: one object was marked
  static constexpr uint8_t kMany = 2;
  // Where a page's note is its owner, a noted page is as good as queued: a job queues it.
  static_assert(kMany == PageNotes::kNoted);

  // An entry of the ring: page << 16 | slot of the object that was marked first; or kNoSlot of a
  // page that is to be scanned again, whose owner may speak of an object that was marked since.
  static constexpr uintptr_t kNoSlot = 0xffff;
  static uintptr_t EntryOf(ObjectRef object) { return uintptr_t{object.page} << 16 | object.slot; }

  SPANHEAP_ALWAYS_INLINE void Notice(uintptr_t word);
  void NoticeAll(const uintptr_t* words, unsigned count);
  void MarkWaiting(uint32_t keep);
  bool EmptyWindow();
  void MarkNew(MarkBit bit);
  bool TakeOwnership(ObjectRef object);
  void QueueSpan(ObjectRef object);
  void QueueObject(uintptr_t at);
  void PushSpan(uintptr_t entry);
  void ScanAgain(uint32_t page);
  void QueueMarkedOn(uint32_t page, uint8_t kind);
  bool TakeOne();
  bool TakeObject(uintptr_t& at);
  void RefillRing();
  void SpillRing();
  void PreparePages() const;
  void PrepareBits(uintptr_t entry) const;
  void PrepareObjects(uintptr_t entry) const;
  bool IsLeftToJob(uint32_t page, const SpanKind& shape) const;
  void ScanSpan(uintptr_t entry);
  void ScanOne(uint32_t page, uint32_t slot, const SpanKind& shape);
  void ScanMarked(uint32_t page, const SpanKind& shape);
  void ScanByKernel(uint32_t page, const SpanKind& shape, const uint64_t* objects,
                    ScanKernel kernel);
  void NoteScanned(uint64_t bytes) {
    counts_.scanned_bytes += bytes;
    drained_ += bytes;
  }
  void ScanQueued(uintptr_t at);
  void ScanTyped(ObjectRef object, uintptr_t from, uintptr_t to);
  void ScanWords(uintptr_t at, uint64_t bits);
  void ScanRepeated(uint64_t bits, uintptr_t from, uintptr_t to);
  void ScanPrecise(const sh_layout& layout, uintptr_t base, uintptr_t from, uintptr_t to);

  MarkWindow window_;
  ObjectFinder finder_;
  SpanStore& store_;
  LayoutTable& layouts_;
  MarkQueue& queue_;
  const ProcessorHas processor_;
  WorkBatch* objects_ = nullptr;  // pushed to and popped from
  WorkBatch* spare_ = nullptr;    // full or empty: one batch of hysteresis
  uint32_t head_ = 0;             // of the ring: the oldest entry
  uint32_t tail_ = 0;
  uint64_t drained_ = 0;  // bytes scanned, for budgets
  MarkCounts counts_;
  uintptr_t ring_[kRing] = {};
};

}  // namespace spanheap::collected
