// SPDX-License-Identifier: MIT
#include "collect/span_store.h"

#include <cstring>

#include "base/check.h"
#include "base/count_ones.h"
#include "collect/object_finder.h"
#include "collect/specials.h"
#include "os/futex.h"

namespace spanheap::collected {

bool SpanStore::Init(os::Memory& memory, MetadataArena& metadata) {
  const size_t pages = size_t{pages_.capacity().value} << kChunkPagesShift;
  return tables_.Init(memory, pages, pages_.gauge()) &&
         records_.Init(memory, metadata, pages, pages_.gauge());
}

// ---- lists

void SpanStore::PushLocked(SpanRecords& records, uint32_t& head, CollectedSpan* span) {
  SPANHEAP_DCHECK(!span->is_listed);
  span->is_listed = true;
  span->previous = 0;
  span->next = head;
  if (head != 0) records.At(head).previous = records.IndexOf(span);
  head = records.IndexOf(span);
}

void SpanStore::RemoveLocked(Lists& lists, CollectedSpan* span) {
  const uint32_t index = records_.IndexOf(span);
  if (lists.full_tail == index) lists.full_tail = span->previous;
  if (span->previous != 0) {
    records_.At(span->previous).next = span->next;
  } else if (lists.partial == index) {
    lists.partial = span->next;
  } else if (lists.full == index) {
    lists.full = span->next;
  } else {
    SPANHEAP_CHECK(lists.unswept == index);
    lists.unswept = span->next;
  }
  if (span->next != 0) records_.At(span->next).previous = span->previous;
  span->next = 0;
  span->previous = 0;
  span->is_listed = false;
}

CollectedSpan* SpanStore::PopPartial(uint8_t kind) {
  Lists& lists = lists_[kind];
  MutexLock lock(lists.mutex);
  if (lists.partial == 0) return nullptr;
  CollectedSpan* span = &records_.At(lists.partial);
  RemoveLocked(lists, span);
  span->is_held.StoreRelease(1);
  return span;
}

// A span that somebody else has claimed is left to him: he waits for this lock.
CollectedSpan* SpanStore::PopUnswept(uint8_t kind) {
  Lists& lists = lists_[kind];
  MutexLock lock(lists.mutex);
  while (lists.unswept != 0) {
    CollectedSpan* span = &records_.At(lists.unswept);
    RemoveLocked(lists, span);
    if (TryClaim(span)) return span;
  }
  return nullptr;
}

void SpanStore::Push(CollectedSpan* span, uint32_t live) {
  Lists& lists = lists_[span->kind];
  MutexLock lock(lists.mutex);
  if (live < kSpanKinds[span->kind].slots) {
    PushLocked(records_, lists.partial, span);
    return;
  }
  PushLocked(records_, lists.full, span);
  if (lists.full_tail == 0) lists.full_tail = lists.full;
}

// Everything becomes unswept: the full ones with the partial ones behind.
void SpanStore::JoinLocked(Lists& lists) {
  SPANHEAP_CHECK(lists.unswept == 0);
  if (lists.full_tail != 0) {
    records_.At(lists.full_tail).next = lists.partial;
    if (lists.partial != 0) records_.At(lists.partial).previous = lists.full_tail;
    lists.unswept = lists.full;
  } else {
    lists.unswept = lists.partial;
  }
  lists.partial = 0;
  lists.full = 0;
  lists.full_tail = 0;
}

// ---- making and taking

void SpanStore::Begin(CollectedSpan* span, uint8_t kind, const PageRun& run) {
  const SpanKind& shape = kSpanKinds[kind];
  span->first = run.first;
  span->pages = run.count;
  span->kind = kind;
  span->needs_zero = !run.zeroed;
  span->is_new = true;
  span->swept.StoreRelease(generation_.LoadAcquire());
  Atomic<uint64_t>* bits = tables_.allocated(run.first.value, shape);
  for (unsigned w = 0; w < shape.words; ++w) bits[w].StoreRelaxed(0);  // not shared yet
  bits[shape.words - 1U].StoreRelaxed(PaddingOf(shape));
  span_count_.FetchAddRelaxed(1);  // relaxed: statistics
  pages_in_use_.FetchAddRelaxed(run.count.value);
}

// The kind bytes last: who reads one finds the rest in place.
void SpanStore::Publish(CollectedSpan* span) {
  const uint32_t index = records_.IndexOf(span);
  const uint32_t end = (span->first + span->pages).value;
  for (uint32_t p = span->first.value; p < end; ++p) {
    tables_.span_of(p).StoreRelaxed(index);  // relaxed: published by the kind byte
    tables_.kind_of(p).StoreRelease(span->kind);
  }
}

CollectedSpan* SpanStore::NewSpan(uint8_t kind, PageCache& cache) {
  const SpanKind& shape = kSpanKinds[kind];
  CollectedSpan* span = records_.Allocate();
  if (span == nullptr) return nullptr;
  span->type_ids = shape.domain == Domain::kTyped ? records_.AllocateIds(shape.slots) : nullptr;
  const bool has_ids = shape.domain != Domain::kTyped || span->type_ids != nullptr;
  const PageRun run = has_ids ? pages_.AllocateFrom(cache, Pages(shape.pages)) : PageRun{};
  if (!run || !tables_.Cover(run.first, run.count, shape)) {
    if (run) pages_.FreeTo(cache, run.first, run.count);
    if (span->type_ids != nullptr) records_.FreeIds(span->type_ids, shape.slots);
    span->type_ids = nullptr;
    records_.Free(span);
    return nullptr;
  }
  Begin(span, kind, run);
  span->is_held.StoreRelease(1);
  Publish(span);
  return span;
}

CollectedSpan* SpanStore::TakeSpan(uint8_t kind, PageCache& cache) {
  if (CollectedSpan* span = PopPartial(kind)) return span;
  if (unswept() != 0) {
    if (CollectedSpan* span = SweepForSlots(kind)) return span;
    if (sweeps_lazily()) SweepForPage();
  }
  return NewSpan(kind, cache);
}

void SpanStore::Release(CollectedSpan* span) {
  SPANHEAP_DCHECK(span->swept.LoadAcquire() == generation());
  const uint32_t live = LiveSlots(*span);
  span->is_held.StoreRelease(0);
  Push(span, live);
}

uint32_t SpanStore::LiveSlots(const CollectedSpan& span) const {
  const SpanKind& shape = kSpanKinds[span.kind];
  const Atomic<uint64_t>* bits = tables_.allocated(span.first.value, shape);
  uint32_t live = 0;
  for (unsigned w = 0; w < shape.words; ++w) {
    live += CountOnes(bits[w].LoadAcquire());
  }
  return live - CountOnes(PaddingOf(shape));
}

CollectedSpan* SpanStore::TakeLarge(Bytes bytes, Domain domain, bool& zeroed) {
  const Pages n = PagesFor(bytes);
  CollectedSpan* span = records_.Allocate();
  if (span == nullptr) return nullptr;
  const PageRun run = pages_.Allocate(n);
  if (!run || !tables_.Cover(run.first, run.count, kSpanKinds[KindFor(0, domain)])) {
    if (run) pages_.Free(run.first, run.count);
    records_.Free(span);
    return nullptr;
  }
  zeroed = run.zeroed;
  Begin(span, KindFor(0, domain), run);
  span->bytes.StoreRelease(bytes.value);
  span->type_id.StoreRelease(0);
  // Nobody else knows of it: a plain store would do.
  tables_.allocated(run.first.value, kSpanKinds[span->kind])[0].StoreRelease(~uint64_t{0});
  large_pages_.FetchAddRelaxed(n.value);  // relaxed: a statistic
  Publish(span);
  Push(span, 1);
  return span;
}

// ---- freeing by hand

size_t SpanStore::Free(ObjectRef object) {
  const ObjectFinder finder(*this);
  CollectedSpan* const span = &finder.SpanOf(object);
  const bool is_large = IsLargeKind(object.kind);
  const size_t bytes = is_large ? BytesOf(span->pages).value : object.shape().block_bytes;
  // Who holds the span may hand the slot out as soon as the bit is clear.
  if (!is_large) memset(PointerTo(finder.BaseOf(object)), 0, bytes);
  freed_objects_.FetchAddRelaxed(1);  // relaxed: statistics
  freed_bytes_.FetchAddRelaxed(bytes);
  if (ClearSlot(span, object)) FreePages(span);
  return bytes;
}

bool SpanStore::ClearSlot(CollectedSpan* span, ObjectRef object) {
  Lists& lists = lists_[span->kind];
  MutexLock lock(lists.mutex);
  const bool was_full = LiveSlots(*span) == kSpanKinds[span->kind].slots;
  if ((tables_.marks(object.page)[object.slot / 64].LoadAcquire() & object.bit()) != 0) {
    const bool is_large = IsLargeKind(object.kind);
    freed_marked_.FetchAdd(is_large ? BytesOf(span->pages).value : object.shape().block_bytes);
    Unmark(*span, object.slot / 64, object.bit());
  }
  tables_.allocated(object.page, object.shape())[object.slot / 64].FetchAnd(~object.bit());
  // In no list: a thread holds it, or is about to put it into one.
  if (!span->is_listed) return false;
  const bool is_empty = LiveSlots(*span) == 0;
  if (!is_empty && !was_full) return false;
  RemoveLocked(lists, span);
  if (!is_empty) PushLocked(records_, lists.partial, span);
  return is_empty;
}

// ---- sweeping

void SpanStore::BeginSweep(bool keeps_marks, bool lazily) {
  SPANHEAP_CHECK(unswept() == 0);
  keeps_marks_.StoreRelease(keeps_marks);
  sweeps_lazily_.StoreRelease(lazily && pages_in_use() <= kMostLazy.value);
  for (Lists& lists : lists_) {
    MutexLock lock(lists.mutex);
    JoinLocked(lists);
  }
  unswept_.StoreRelease(static_cast<uint32_t>(span_count_.LoadAcquire()));
  swept_pages_.StoreRelease(0);
  sweep_kind_.StoreRelease(1);
  generation_.StoreRelease(generation_.LoadAcquire() + 2);
}

bool SpanStore::ForgetMarks(uint32_t& next, uint32_t count) {
  const uint32_t end = records_.end();
  for (; next < end && count != 0; ++next, --count) {
    const CollectedSpan& span = records_.At(next);
    if (span.kind == 0) continue;
    for (unsigned w = 0; w < kSpanKinds[span.kind].words; ++w) Unmark(span, w, ~uint64_t{0});
  }
  if (next < end) return true;
  keeps_marks_.StoreRelease(false);
  return false;
}

void SpanStore::Unmark(const CollectedSpan& span, unsigned word, uint64_t mask) {
  tables_.marks(span.first.value)[word].FetchAnd(~mask);
  const SpanKind& shape = kSpanKinds[span.kind];
  if (shape.domain != Domain::kBits) return;
  tables_.scanned(span.first.value, shape)[word].FetchAnd(~mask);
}

bool SpanStore::TryClaim(CollectedSpan* span) {
  const uint32_t now = generation();
  uint32_t expected = now - 2;
  return span->swept.CompareExchangeStrong(expected, now - 1);
}

bool SpanStore::ClaimSweep(CollectedSpan* span) {
  if (!TryClaim(span)) return false;
  Lists& lists = lists_[span->kind];
  MutexLock lock(lists.mutex);
  if (span->is_listed) RemoveLocked(lists, span);
  return true;
}

uint32_t SpanStore::SweepBits(CollectedSpan* span) {
  const SpanKind& shape = kSpanKinds[span->kind];
  // Relaxed from here on: the span is claimed, and nobody marks now.
  if (span->has_specials.LoadAcquire() != 0) specials_.Sweep(*span);
  Atomic<uint64_t>* marks = tables_.marks(span->first.value);
  Atomic<uint64_t>* bits = tables_.allocated(span->first.value, shape);
  const bool keeps = keeps_marks();
  uint32_t live = 0;
  uint32_t freed = 0;
  for (unsigned w = 0; w < shape.words; ++w) {
    const uint64_t marked = marks[w].LoadRelaxed();
    const uint64_t before = bits[w].LoadRelaxed();
    SPANHEAP_DCHECK((marked & ~before) == 0);
    const uint64_t padding = w + 1U == shape.words ? PaddingOf(shape) : 0;
    live += CountOnes(marked);
    freed += CountOnes(before & ~marked & ~padding);
    bits[w].StoreRelaxed(marked | padding);
    if (keeps) continue;
    marks[w].StoreRelaxed(0);
    if (shape.domain == Domain::kBits) tables_.scanned(span->first.value, shape)[w].StoreRelaxed(0);
  }
  if (freed != 0) {
    span->needs_zero = true;
    const size_t size = IsLargeKind(span->kind) ? span->bytes.LoadRelaxed() : shape.block_bytes;
    freed_objects_.FetchAddRelaxed(freed);  // relaxed: statistics
    freed_bytes_.FetchAddRelaxed(freed * size);
  }
  if (span->is_new) NoteNewcomers(*span, live, freed);
  span->is_new = live == 0;
  swept_pages_.FetchAddRelaxed(span->pages.value);
  return live;
}

// Relaxed: statistics, read when everything is swept.
void SpanStore::NoteNewcomers(const CollectedSpan& span, uint32_t live, uint32_t freed) {
  const uint64_t size =
      IsLargeKind(span.kind) ? BytesOf(span.pages).value : kSpanKinds[span.kind].block_bytes;
  new_bytes_.FetchAddRelaxed((live + freed) * size);
  if (live != 0) new_kept_.FetchAddRelaxed(live * size);
}

policy::Newcomers SpanStore::TakeNewcomers() {
  return {new_bytes_.Exchange(0), new_kept_.Exchange(0)};
}

void SpanStore::NoteSwept(CollectedSpan* span, bool hold) {
  if (hold) span->is_held.StoreRelease(1);
  span->swept.StoreRelease(generation());
  unswept_.FetchSub(1);
}

void SpanStore::SweepClaimed(CollectedSpan* span) {
  const uint32_t live = SweepBits(span);
  // Before the generation says so: afterwards the holder may let go.
  const bool is_held = span->is_held.LoadAcquire() != 0;
  if (!is_held && live == 0) {
    FreePages(span);
    unswept_.FetchSub(1);
    return;
  }
  NoteSwept(span, false);
  if (!is_held) Push(span, live);
}

// Claimed, in no list, without a live slot.
void SpanStore::FreePages(CollectedSpan* span) {
  const SpanKind& shape = kSpanKinds[span->kind];
  const PageIndex first = span->first;
  const Pages n = span->pages;
  Atomic<uint64_t>* bits = tables_.allocated(first.value, shape);
  for (unsigned w = 0; w < shape.words; ++w) bits[w].StoreRelaxed(0);  // not shared any more
  tables_.WithOwner(first.value, shape, [](auto& owner) { owner.StoreRelaxed(0); });  // the same
  for (uint32_t p = first.value; p < (first + n).value; ++p) {
    tables_.note_of(p).StoreRelaxed(0);  // nobody stores into it any more
    tables_.kind_of(p).StoreRelease(0);
    tables_.span_of(p).StoreRelease(0);
  }
  if (span->type_ids != nullptr) records_.FreeIds(span->type_ids, shape.slots);
  span->type_ids = nullptr;
  SPANHEAP_DCHECK(span->waiting.LoadAcquire() == 0);
  if (IsLargeKind(span->kind)) large_pages_.FetchSubRelaxed(n.value);  // relaxed: statistics
  span_count_.FetchSubRelaxed(1);
  pages_in_use_.FetchSubRelaxed(n.value);
  span->bytes.StoreRelease(0);
  span->kind = 0;
  span->swept.StoreRelease(generation());  // for those who wait for it in EnsureSwept
  records_.Free(span);
  pages_.Free(first, n);
}

CollectedSpan* SpanStore::SweepForSlots(uint8_t kind) {
  for (unsigned i = 0; i < kSweepBudget; ++i) {
    CollectedSpan* span = PopUnswept(kind);
    if (span == nullptr) return nullptr;
    const uint32_t live = SweepBits(span);
    const bool has_room = live < kSpanKinds[kind].slots;
    NoteSwept(span, has_room);
    if (has_room) return span;
    Push(span, live);
  }
  return nullptr;
}

// Spans of other kinds, until the pages of one have become free.
void SpanStore::SweepForPage() {
  for (unsigned i = 0; i < kSweepBudget; ++i) {
    const uint64_t before = pages_in_use();
    if (SweepOne() == Pages(0) || pages_in_use() < before) return;
  }
}

Pages SpanStore::SweepOne() {
  for (uint32_t kind = sweep_kind_.LoadAcquire(); kind < kKindCount;) {
    CollectedSpan* span = PopUnswept(static_cast<uint8_t>(kind));
    if (span == nullptr) {
      uint32_t expected = kind;
      sweep_kind_.CompareExchangeStrong(expected, ++kind);
      continue;
    }
    const Pages pages = span->pages;
    SweepClaimed(span);
    return pages;
  }
  return Pages(0);
}

bool SpanStore::ReclaimSome(uint64_t before, Pages n) {
  Pages swept(0);
  while (pages_in_use() + n.value > before) {
    const Pages more = SweepOne();
    if (more == Pages(0)) return false;
    swept += more;
    if (swept >= kReclaimStep) return true;
  }
  return false;
}

void SpanStore::EnsureSwept(CollectedSpan* span) {
  if (records_.IndexOf(span) == 0) return;  // its pages went back after its object was found
  for (unsigned turn = 0; span->swept.LoadAcquire() != generation(); ++turn) {
    if (ClaimSweep(span)) {
      SweepClaimed(span);
      return;
    }
    os::GiveWay(turn);
  }
}

// Who is held and has an older generation is what it seems: it cannot be let go before it is swept,
// and a record that begins anew has this generation before somebody holds it.
bool SpanStore::SweepHeld(uint32_t& next, uint32_t count) {
  const uint32_t end = records_.end();
  for (; next < end && count != 0; ++next, --count) {
    CollectedSpan& span = records_.At(next);
    if (span.is_held.LoadAcquire() != 0) EnsureSwept(&span);
  }
  return next < end;
}

// ---- looking

SpanStoreStats SpanStore::ReadStats() const {
  SpanStoreStats stats;  // relaxed: statistics
  stats.span_bytes = pages_in_use_.LoadRelaxed() << kPageShift;
  stats.spans = span_count_.LoadRelaxed();
  stats.large_bytes = large_pages_.LoadRelaxed() << kPageShift;
  stats.unswept = unswept_.LoadRelaxed();
  stats.freed_objects = freed_objects_.LoadRelaxed();
  stats.freed_bytes = freed_bytes_.LoadRelaxed();
  return stats;
}

void SpanStore::Verify() const {
  uint64_t spans = 0;
  uint64_t pages = 0;
  for (uint32_t i = 1; i < records_.end(); ++i) {
    const CollectedSpan& span = records_.At(i);
    if (span.kind == 0) continue;
    ++spans;
    pages += span.pages.value;
    VerifySpan(span);
  }
  SPANHEAP_CHECK(spans == span_count_.LoadAcquire());
  SPANHEAP_CHECK(pages == pages_in_use_.LoadAcquire());
}

void SpanStore::VerifySpan(const CollectedSpan& span) const {
  const SpanKind& shape = kSpanKinds[span.kind];
  const Atomic<uint64_t>* marks = tables_.marks(span.first.value);
  const Atomic<uint64_t>* bits = tables_.allocated(span.first.value, shape);
  SPANHEAP_CHECK(span.is_listed != (span.is_held.LoadAcquire() != 0));
  SPANHEAP_CHECK((bits[shape.words - 1U].LoadAcquire() & PaddingOf(shape)) == PaddingOf(shape));
  const bool has_scanned = shape.domain == Domain::kBits;
  for (unsigned w = 0; w < shape.words; ++w) {
    SPANHEAP_CHECK((marks[w].LoadAcquire() & ~bits[w].LoadAcquire()) == 0);
    const uint64_t scanned =
        has_scanned ? tables_.scanned(span.first.value, shape)[w].LoadAcquire() : 0;
    SPANHEAP_CHECK((scanned & ~marks[w].LoadAcquire()) == 0);
  }
  for (uint32_t p = span.first.value; p < (span.first + span.pages).value; ++p) {
    SPANHEAP_CHECK(tables_.kind_of(p).LoadAcquire() == span.kind);
    SPANHEAP_CHECK(&SpanOfPage(PageIndex(p)) == &span);
  }
}

void SpanStore::ResetInChild() {
  tables_.ResetInChild();
  records_.ResetInChild();
  for (Lists& lists : lists_) lists.mutex.ResetInChild();
}

}  // namespace spanheap::collected
