// SPDX-License-Identifier: MIT
#include "spans/central_list.h"

namespace spanheap {

unsigned CentralList::QueueFor(const Span& span) {
  return span.ownership.free_count() * kQueues / (uint32_t{span.slots} + 1);
}

Span* CentralList::Take(const SpanTable& table) {
  MutexLock lock(mutex_);
  for (SpanQueue& queue : queues_) {
    Span* span = queue.Pop(table);
    if (span == nullptr) continue;
    NoteUnlinkedLocked(span);
    return span;
  }
  return nullptr;
}

bool CentralList::Put(const SpanTable& table, Span* span) {
  MutexLock lock(mutex_);
  if (span->ownership.is_listed_and_empty(span->slots)) {
    span->ownership.PopToHeld();
    return false;
  }
  const unsigned queue = QueueFor(*span);
  span->link.StoreRelease(static_cast<uint16_t>(uint32_t{span->malloc_class} << 8 | (queue + 1)));
  queues_[queue].Push(table, span);
  count_.AddOwned(1);
  return true;
}

bool CentralList::TakeIfEmpty(const SpanTable& table, Span* span, unsigned malloc_class) {
  MutexLock lock(mutex_);
  // The record may have become another span since the caller's return; one that is linked in this
  // list cannot change while its lock is held.
  const uint16_t link = span->link.LoadAcquire();
  if (link == 0 || link >> 8 != malloc_class) return false;
  if (!span->ownership.is_listed_and_empty(span->slots)) return false;
  queues_[(link & 0xff) - 1].Remove(table, span);
  NoteUnlinkedLocked(span);
  return true;
}

bool CentralList::TakeThis(const SpanTable& table, Span* span, unsigned malloc_class) {
  MutexLock lock(mutex_);
  const uint16_t link = span->link.LoadAcquire();  // as above
  if (link == 0 || link >> 8 != malloc_class) return false;
  queues_[(link & 0xff) - 1].Remove(table, span);
  NoteUnlinkedLocked(span);
  return true;
}

void CentralList::NoteUnlinkedLocked(Span* span) {
  span->link.StoreRelease(0);
  count_.AddOwned(-uint64_t{1});
  span->ownership.PopToHeld();
}

}  // namespace spanheap
