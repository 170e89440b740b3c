// SPDX-License-Identifier: MIT
#include "pages/free_list_heap.h"

#include <algorithm>

#include "base/check.h"

namespace spanheap {

void FreeListHeap::Init(const Tables& tables) {
  record_of_ = tables.record_of;
  records_ = tables.records;
  record_capacity_ = tables.record_capacity;
  grown_ = ChunkRanges(tables.ranges, tables.range_capacity);
}

// ---- records and lists

uint32_t FreeListHeap::NewRecord() {
  if (const uint32_t reused = unused_records_; reused != 0) {
    unused_records_ = records_[reused].next;
    return reused;
  }
  SPANHEAP_CHECK(records_made_ < record_capacity_);
  return records_made_++;
}

void FreeListHeap::Place(Run run) {
  const uint32_t record = NewRecord();
  uint32_t& head = lists_[ListOf(run.count)];
  run.next = head;
  run.previous = 0;
  if (head != 0) records_[head].previous = record;
  head = record;
  records_[record] = run;
  record_of_[run.first.value] = record;
  record_of_[run.first.value + run.count.value - 1] = record;
  counts_.free += run.count.value;
  counts_.scavenged += run.released.value;
}

FreeListHeap::Run FreeListHeap::Remove(uint32_t record) {
  const Run run = records_[record];
  if (run.previous == 0) {
    lists_[ListOf(run.count)] = run.next;
  } else {
    records_[run.previous].next = run.next;
  }
  if (run.next != 0) records_[run.next].previous = run.previous;
  records_[record].next = unused_records_;
  unused_records_ = record;
  counts_.free -= run.count.value;
  counts_.scavenged -= run.released.value;
  return run;
}

// The record of the free run that begins or ends at p; 0 if p is used or not there.
uint32_t FreeListHeap::FreeRecordAt(PageIndex p) const {
  if (!IsGrown(p)) return 0;
  const uint32_t record = record_of_[p.value];
  return record == kUsed ? 0 : record;
}

void FreeListHeap::Insert(Run run) {
  if (const uint32_t below = FreeRecordAt(run.first - Pages(1)); below != 0) {
    const Run lower = Remove(below);
    run.first = lower.first;
    run.count += lower.count;
    run.released += lower.released;
    run.zeroed = run.zeroed && lower.zeroed;
  }
  if (const uint32_t above = FreeRecordAt(run.first + run.count); above != 0) {
    const Run upper = Remove(above);
    run.count += upper.count;
    run.released += upper.released;
    run.zeroed = run.zeroed && upper.zeroed;
  }
  Place(run);
}

// ---- growing

bool FreeListHeap::GrowWith(ChunkIndex c, const PageBitmap& used, const PageBitmap& scavenged) {
  if (!grown_.Add({c, c + Count(1)})) return false;
  counts_.grown += kChunkPages.value;
  const PageIndex base = FirstPage(c);
  MarkUsed(base, kChunkPages);
  for (unsigned from = 0; from < PageBitmap::kBits;) {
    unsigned end = from;
    while (end < PageBitmap::kBits && !used.Test(end)) ++end;
    if (end > from) {
      Run run;
      run.first = base + Pages(from);
      run.count = Pages(end - from);
      run.released = Pages(scavenged.CountRange(from, end - from));
      std::fill_n(record_of_ + run.first.value, run.count.value, 1);  // free: anything but kUsed
      Insert(run);
    }
    from = end + 1;
  }
  return true;
}

// ---- taking

// The shorter one; of equals the lower one.
bool FreeListHeap::IsBetterFit(const Run& a, const Run& b) {
  return a.count != b.count ? a.count < b.count : a.first < b.first;
}

uint32_t FreeListHeap::FindFit(Pages n) const {
  for (uint32_t length = n.value; length < kLists - 1; ++length) {
    if (lists_[length] != 0) return lists_[length];
  }
  uint32_t best = 0;
  for (uint32_t r = lists_[kLists - 1]; r != 0; r = records_[r].next) {
    const Run& run = records_[r];
    if (run.count < n) continue;
    if (best == 0 || IsBetterFit(run, records_[best])) best = r;
  }
  return best;
}

void FreeListHeap::MarkUsed(PageIndex first, Pages n) {
  std::fill_n(record_of_ + first.value, n.value, kUsed);
}

// Cuts [first, first + n) out of a free run; what is left on either side is free again.
PageRun FreeListHeap::TakeFrom(uint32_t record, PageIndex first, Pages n) {
  const Run whole = Remove(record);
  MarkUsed(first, n);
  Run rest = whole;
  rest.released = Pages(0);  // the whole run is asked back from the OS
  rest.count = first - whole.first;
  if (rest.count.value != 0) Place(rest);
  rest.first = first + n;
  rest.count = whole.first + whole.count - rest.first;
  if (rest.count.value != 0) Place(rest);
  return {first, n, std::min(n, whole.released), whole.zeroed};
}

PageRun FreeListHeap::Allocate(Pages n) {
  const uint32_t record = FindFit(n);
  return record == 0 ? PageRun{} : TakeFrom(record, records_[record].first, n);
}

PageRun FreeListHeap::AllocateAligned(Pages n, PageAlignment alignment) {
  uint32_t best = 0;
  for (uint32_t list = ListOf(n); list < kLists && best == 0; ++list) {
    for (uint32_t r = lists_[list]; r != 0; r = records_[r].next) {
      const Run& run = records_[r];
      const uint64_t end = uint64_t{run.first.value} + run.count.value;
      if (alignment.NextAt(run.first.value) + n.value > end) continue;
      if (best == 0 || IsBetterFit(run, records_[best])) best = r;
    }
  }
  if (best == 0) return {};
  const uint64_t first = alignment.NextAt(records_[best].first.value);
  return TakeFrom(best, PageIndex(static_cast<uint32_t>(first)), n);
}

PageRun FreeListHeap::AllocateAt(PageIndex first, Pages n) {
  for (const uint32_t head : lists_) {
    for (uint32_t r = head; r != 0; r = records_[r].next) {
      const Run& run = records_[r];
      const bool holds = run.first <= first && first + n <= run.first + run.count;
      if (holds) return TakeFrom(r, first, n);
    }
  }
  return {};
}

void FreeListHeap::Free(PageIndex first, Pages n) {
  Run run;
  run.first = first;
  run.count = n;
  std::fill_n(record_of_ + first.value, n.value, 1);  // as in GrowWith
  Insert(run);
}

uint64_t FreeListHeap::Scavenge(uint64_t at_most) {
  uint64_t released = 0;
  for (const uint32_t head : lists_) {
    for (uint32_t r = head; r != 0 && released < at_most; r = records_[r].next) {
      Run& run = records_[r];
      released += (run.count - run.released).value;
      counts_.scavenged += (run.count - run.released).value;
      run.released = run.count;
    }
  }
  return released;
}

// ---- looking

bool FreeListHeap::AllUsed(PageIndex first, Pages n) const {
  if (n.value == 0 || uint64_t{first.value} + n.value > kNone.value) return false;
  for (PageIndex p = first; p < first + n; ++p) {
    if (!IsGrown(p) || record_of_[p.value] != kUsed) return false;
  }
  return true;
}

PageIndex FreeListHeap::LowestFree() const {
  PageIndex lowest = kNone;
  ForEachRun([&](const Run& run) { lowest = std::min(lowest, run.first); });
  return lowest;
}

void FreeListHeap::VerifyRun(const Run& run, uint32_t record) const {
  const PageIndex end = run.first + run.count;
  SPANHEAP_CHECK(run.released <= run.count);
  SPANHEAP_CHECK(record_of_[run.first.value] == record && record_of_[end.value - 1] == record);
  for (PageIndex p = run.first; p < end; ++p) {
    SPANHEAP_CHECK(IsGrown(p) && record_of_[p.value] != kUsed);
  }
  SPANHEAP_CHECK(FreeRecordAt(run.first - Pages(1)) == 0 && FreeRecordAt(end) == 0);
}

uint64_t FreeListHeap::Verify() {
  uint64_t free = 0;
  uint64_t released = 0;
  for (uint32_t list = 0; list < kLists; ++list) {
    for (uint32_t r = lists_[list]; r != 0; r = records_[r].next) {
      const Run& run = records_[r];
      SPANHEAP_CHECK(ListOf(run.count) == list);
      VerifyRun(run, r);
      free += run.count.value;
      released += run.released.value;
    }
  }
  uint64_t used = 0;
  for (const ChunkRange& range : grown_) {
    const PageIndex end = FirstPage(range.end);
    for (PageIndex p = FirstPage(range.begin); p < end; ++p) {
      used += record_of_[p.value] == kUsed ? 1 : 0;
    }
  }
  SPANHEAP_CHECK(free == counts_.free && released == counts_.scavenged);
  SPANHEAP_CHECK(used + free == counts_.grown);
  return used;
}

}  // namespace spanheap
