// SPDX-License-Identifier: MIT
#include "spans/central_list.h"

namespace spanheap {

unsigned CentralList::FillOf(const Span& span) {
  return span.ownership.free_count() * kFills / (uint32_t{span.slots} + 1);
}

Span* CentralList::Take(const SpanTable& table) {
  // An empty list stays untouched, and takes no memory. One put in right now is found next time.
  if (span_count() == 0) return nullptr;
  MutexLock lock(mutex_);
  for (unsigned queue = 0; queue < kQueues; ++queue) {
    Span* span = queues_[queue].Pop(table);
    if (span == nullptr) continue;
    NoteUnlinkedLocked(span, queue);
    return span;
  }
  return nullptr;
}

bool CentralList::Put(const SpanTable& table, Span* span, bool backed) {
  MutexLock lock(mutex_);
  if (span->ownership.is_listed_and_empty(span->slots)) {
    span->ownership.PopToHeld();
    return false;
  }
  const unsigned queue = FillOf(*span) + (backed ? 0 : kFills);
  span->link.StoreRelease(static_cast<uint16_t>(uint32_t{span->malloc_class} << 8 | (queue + 1)));
  queues_[queue].Push(table, span);
  counts_.AddOwned(CountIn(queue));
  return true;
}

bool CentralList::TakeIfEmpty(const SpanTable& table, Span* span, unsigned malloc_class) {
  MutexLock lock(mutex_);
  // The record may have become another span since the caller's return; one that is linked in this
  // list cannot change while its lock is held.
  const uint16_t link = span->link.LoadAcquire();
  if (link == 0 || link >> 8 != malloc_class) return false;
  if (!span->ownership.is_listed_and_empty(span->slots)) return false;
  const unsigned queue = (link & 0xff) - 1;
  queues_[queue].Remove(table, span);
  NoteUnlinkedLocked(span, queue);
  return true;
}

bool CentralList::TakeThis(const SpanTable& table, Span* span, unsigned malloc_class) {
  MutexLock lock(mutex_);
  const uint16_t link = span->link.LoadAcquire();  // as above
  if (link == 0 || link >> 8 != malloc_class) return false;
  const unsigned queue = (link & 0xff) - 1;
  queues_[queue].Remove(table, span);
  NoteUnlinkedLocked(span, queue);
  return true;
}

void CentralList::NoteUnlinkedLocked(Span* span, unsigned queue) {
  span->link.StoreRelease(0);
  counts_.AddOwned(-CountIn(queue));
  span->ownership.PopToHeld();
}

}  // namespace spanheap
