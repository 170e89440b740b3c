// SPDX-License-Identifier: MIT
//
// FreeListHeap: the page heap as Go had it up to 1.8; the twin of PageAllocator.
//
// Idea.       Every maximal run of free pages has a record. Runs of 1..127 pages wait in a list per
//             length, the last one freed first; longer runs share one list, searched for the best
//             fit (of equals the lowest). A table from page number to record finds the neighbours
//             of a freed run, which are joined with it. What is left of a run goes back to its
//             list.
// Picture.    page table   | used used used | 7 7 . . 7 | used | 3 |      7, 3: records
//             lists        [1] -> 3   ...   [5] -> 7   ...   [128+] -> ...
// Invariants. No two free runs touch. A run's first and last page name its record; a page is used
//             exactly if its table entry is kUsed; the entries in between may name stale records.
// Threads.    The owner's lock.
// Fails.      count 0 when no run is long enough. Running out of records is fatal: they are given
//             for the worst case.
// Cost.       Short runs: lists up to 127 heads; long runs: the length of their list. Taking and
//             freeing write one table entry per page.
// Go.         mheap.go of 1.8. There is no page map of used spans here, and no busy lists.
// Tests.      tests/pages/script_test.cc.
#pragma once

#include "base/units.h"
#include "layout/geometry.h"
#include "pages/chunk_ranges.h"
#include "pages/page_bitmap.h"
#include "pages/page_run.h"

namespace spanheap {

class FreeListHeap {
 public:
  static constexpr PageIndex kNone{~uint32_t{0}};
  // Longer runs are in one list: 1 MiB and more.
  static constexpr uint32_t kLists = 129;

  struct Run {
    uint32_t next = 0;  // records; 0: none
    uint32_t previous = 0;
    PageIndex first;
    Pages count;
    Pages released;  // of these: not backed
    bool zeroed = false;
  };
  // Memory for the tables, all zero: one entry per page number, and records for every second page
  // and one more.
  struct Tables {
    uint32_t* record_of = nullptr;
    Run* records = nullptr;
    uint32_t record_capacity = 0;
    ChunkRange* ranges = nullptr;
    size_t range_capacity = 0;
  };
  struct Counts {
    uint64_t grown = 0;      // pages
    uint64_t free = 0;       // of these
    uint64_t scavenged = 0;  // of the free ones: not backed
  };

  constexpr FreeListHeap() = default;
  void Init(const Tables& tables);

  bool GrowWith(ChunkIndex c, const PageBitmap& used, const PageBitmap& scavenged);
  // A best-fitting run. All of the run that it is cut from counts as backed afterwards.
  PageRun Allocate(Pages n);
  // The same of the runs that have one in them which begins at a place of `alignment`.
  PageRun AllocateAligned(Pages n, PageAlignment alignment);
  PageRun AllocateAt(PageIndex first, Pages n);
  void Free(PageIndex first, Pages n);
  // Gives whole free runs back, short ones first, until it is enough.
  uint64_t Scavenge(uint64_t at_most);

  bool AllUsed(PageIndex first, Pages n) const;
  PageIndex LowestFree() const;
  const ChunkRanges& grown() const { return grown_; }
  const Counts& counts() const { return counts_; }
  // Calls visit(const Run&) for each free run, in no order.
  template <class Visit>
  void ForEachRun(Visit visit) const {
    for (const uint32_t head : lists_) {
      for (uint32_t r = head; r != 0; r = records_[r].next) visit(records_[r]);
    }
  }
  uint64_t Verify();

 private:
  static constexpr uint32_t kUsed = ~uint32_t{0};

  static uint32_t ListOf(Pages n) { return n.value < kLists - 1 ? n.value : kLists - 1; }
  bool IsGrown(PageIndex p) const { return grown_.Contains(ChunkOf(p)); }
  uint32_t FreeRecordAt(PageIndex p) const;
  void VerifyRun(const Run& run, uint32_t record) const;
  static bool IsBetterFit(const Run& a, const Run& b);
  uint32_t FindFit(Pages n) const;
  uint32_t NewRecord();
  void Insert(Run run);  // joined with its neighbours
  void Place(Run run);   // as it is
  Run Remove(uint32_t record);
  PageRun TakeFrom(uint32_t record, PageIndex first, Pages n);
  void MarkUsed(PageIndex first, Pages n);

  uint32_t* record_of_ = nullptr;  // by page number; 0: never grown
  Run* records_ = nullptr;         // 0 is none
  uint32_t record_capacity_ = 0;
  uint32_t records_made_ = 1;
  uint32_t unused_records_ = 0;  // list through next
  uint32_t lists_[kLists] = {};  // heads by length
  ChunkRanges grown_;
  Counts counts_;
};

}  // namespace spanheap
