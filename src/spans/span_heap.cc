// SPDX-License-Identifier: MIT
#include "spans/span_heap.h"

#include <bit>

#include "base/check.h"
#include "base/count_ones.h"
#include "base/fatal.h"
#include "base/platform.h"
#include "spans/lone_return.h"
#include "spans/return_batch.h"
#include "spans/span_holes.h"
#include "sync/alone.h"

namespace spanheap {
namespace {

// Requests up to here go to the thread's page cache: a quarter of its block, so that a block serves
// several of them.
constexpr Pages kMaxCachedPages{16};

// All 64 slots of a word: a loop without a bit to look for.
void TakeWholeWord(Address first, uint32_t block_bytes, void** out) {
  for (uint32_t i = 0; i < 64; ++i) out[i] = PointerTo(first + Bytes(size_t{i} * block_bytes));
}

}  // namespace

SPANHEAP_AT_START bool SpanHeap::Init(os::Memory& memory, MetadataArena& metadata, SpanRoom room) {
  pages_.SetReclaimer([](void* heap) { return static_cast<SpanHeap*>(heap)->GiveUpSpares(); },
                      this);
  shelf_.Init(memory, metadata);
  return table_.Init(memory, room, &pages_.gauge());
}

Span* SpanHeap::TakeSpan(unsigned malloc_class, PageCache& cache) {
  if (Span* span = lists_.central[malloc_class].Take(table_)) {
    span->age.StoreRelaxed(0);  // relaxed: a hint to the scavenger
    return span;
  }
  if (Span* span = lists_.spares.Take(malloc_class)) return span;
  return NewSpan(malloc_class, cache);
}

PageRun SpanHeap::TakePages(Pages n, Pages alignment, PageCache& cache) {
  if (n <= kMaxCachedPages && alignment == Pages(1)) {
    return pages_.AllocateFrom(cache, n);
  }
  return pages_.Allocate(n, alignment);
}

Span* SpanHeap::NewSpan(unsigned malloc_class, PageCache& cache) {
  const ClassGeometry& geometry = kMallocClasses[malloc_class];
  Span* span = table_.Allocate(geometry.slots);
  if (span == nullptr) return nullptr;
  const PageRun run = TakePages(Pages(geometry.span_pages), Pages(1), cache);
  if (run.count == Pages(0)) {
    table_.Free(span);
    return nullptr;
  }
  BeginSmall(*span, malloc_class, run);
  return span;
}

void SpanHeap::BeginSmall(Span& span, unsigned malloc_class, const PageRun& run) {
  const ClassGeometry& geometry = kMallocClasses[malloc_class];
  span.first = run.first;
  span.pages = run.count.value;
  span.magic = geometry.magic;
  span.block_bytes = geometry.block_bytes;
  span.malloc_class = static_cast<uint8_t>(malloc_class);
  span.age.StoreRelaxed(0);  // relaxed: not shared yet
  if (span.padding() != 0) {
    span.bits[span.word_count() - 1].StoreRelaxed(span.padding());  // relaxed: not shared yet
  }
  span.ownership.Begin(span.slots);
  span.state.StoreRelease(SpanState::kSmall);
  Publish(span);
  span_counts_[malloc_class].FetchAddRelaxed(1);  // relaxed: statistics
  small_bytes_.FetchAddRelaxed(BytesOf(run.count).value);
}

void SpanHeap::Publish(const Span& span) {
  const PageTables& tables = pages_.tables();
  const uint32_t index = table_.IndexOf(&span);
  for (uint32_t i = 0; i < span.pages; ++i) {
    // Relaxed: whoever looks a page up has a block in it, and got the block after this.
    tables.span_of[span.first.value + i].StoreRelaxed(index);
    tables.class_of[span.first.value + i].StoreRelaxed(span.malloc_class);
  }
}

void SpanHeap::Unpublish(const Span& span) {
  const PageTables& tables = pages_.tables();
  for (uint32_t i = 0; i < span.pages; ++i) {
    const FormerBlock former = span.malloc_class == 0 ? FormerBlock::OfSolo(Pages(span.pages))
                                                      : FormerBlock::OfSlots(span.malloc_class, i);
    // Relaxed: nobody has a block there any more. Behind a solo block's first page nothing began.
    const bool says_so = span.malloc_class != 0 || i == 0;
    tables.span_of[span.first.value + i].StoreRelaxed(says_so ? former.entry() : 0);
    tables.class_of[span.first.value + i].StoreRelaxed(0);
  }
}

uint32_t SpanHeap::TakeSlots(Span& span, uint32_t want, uint32_t& cursor, void** out) {
  // Relaxed: the holder writes it.
  if (span.holes.LoadRelaxed() != 0) [[unlikely]]
    return TakeSlotsAmongHoles(span, want, out);
  const uint32_t k = span.ownership.Take(want);
  const Address start = pages_.AddressOf(span.first);
  const uint32_t words = span.word_count();
  uint32_t taken = 0;
  while (taken < k) {
    if (cursor >= words) cursor = 0;
    // Relaxed: only this thread sets bits; one cleared in the meantime is found a round later.
    const uint64_t free = ~span.bits[cursor].LoadRelaxed();
    uint64_t rest = free;
    if (free == ~uint64_t{0} && k - taken >= 64) {
      TakeWholeWord(start + Bytes(size_t{cursor} * 64 * span.block_bytes), span.block_bytes,
                    out + taken);
      taken += 64;
      rest = 0;
    }
    for (; rest != 0 && taken < k; rest &= rest - 1) {
      const uint32_t slot = cursor * 64 + static_cast<uint32_t>(std::countr_zero(rest));
      out[taken++] = PointerTo(start + Bytes(size_t{slot} * span.block_bytes));
    }
    const uint64_t mask = free & ~rest;
    if (mask != 0) SPANHEAP_CHECK((span.SetBits(cursor, mask) & mask) == 0);
    if (taken < k) ++cursor;
  }
  return k;
}

// Up to `want` of the free slots in `mask`.
uint32_t SpanHeap::TakeSome(Span& span, uint32_t word, uint64_t mask, uint32_t want, void** out) {
  const Address start = pages_.AddressOf(span.first);
  uint64_t rest = mask;
  uint32_t taken = 0;
  for (; rest != 0 && taken < want; rest &= rest - 1) {
    const uint32_t slot = word * 64 + static_cast<uint32_t>(std::countr_zero(rest));
    out[taken++] = PointerTo(start + Bytes(size_t{slot} * span.block_bytes));
  }
  const uint64_t took = mask & ~rest;
  if (took == 0) return 0;
  SPANHEAP_CHECK((span.SetBits(word, took) & took) == 0);
  FillHoles(span, word, took);
  return taken;
}

// The slots of `mask` will be written to: what they touch is no hole any more.
void SpanHeap::FillHoles(Span& span, uint32_t word, uint64_t mask) {
  const SpanHoles holes(span, os_page_);
  const uint32_t now = span.holes.LoadRelaxed();  // relaxed: the holder writes it
  const uint32_t filled = now & holes.UnitsTouchedBy(mask, word);
  if (filled == 0) return;
  span.holes.StoreRelaxed(now & ~filled);
  NoteHoles(-static_cast<int64_t>(CountOnes(filled) * holes.unit().value));
}

// Slots of `span` that touch none of `units`, up to `want`.
uint32_t SpanHeap::TakeSlotsBeside(uint32_t units, Span& span, uint32_t want, void** out) {
  const SpanHoles holes(span, os_page_);
  uint32_t taken = 0;
  for (uint32_t w = 0; w < span.word_count() && taken < want; ++w) {
    // Relaxed: as in TakeSlots.
    const uint64_t mask = ~span.bits[w].LoadRelaxed() & ~holes.SlotsTouching(units, w);
    taken += TakeSome(span, w, mask, want - taken, out + taken);
  }
  return taken;
}

// As TakeSlots, but slots whose pages are backed come first, here and in other spans: 0 may mean
// that another span has some.
uint32_t SpanHeap::TakeSlotsAmongHoles(Span& span, uint32_t want, void** out) {
  const uint32_t k = span.ownership.Take(want);
  uint32_t taken =
      TakeSlotsBeside(span.holes.LoadRelaxed(), span, k, out);  // relaxed: the holder's
  while (taken < k && !lists_.central[span.malloc_class].has_backed()) {
    taken += TakeSlotsBeside(0, span, k - taken, out + taken);
  }
  if (taken < k) span.ownership.Return(k - taken, span.slots);  // held: nothing follows from it
  return taken;
}

bool SpanHeap::IsBacked(Span& span) const {
  // Relaxed: who held it before wrote it, and let go of it since.
  return span.holes.LoadRelaxed() == 0 || SpanHoles(span, os_page_).HasBackedSlot();
}

Span* SpanHeap::TakeListed(uint32_t index) {
  Span* span = &table_.At(index);
  const uint16_t link = span->link.LoadAcquire();
  if (link == 0) return nullptr;
  const unsigned malloc_class = link >> 8;
  return lists_.central[malloc_class].TakeThis(table_, span, malloc_class) ? span : nullptr;
}

void SpanHeap::DropSpan(Span& span, PageCache& cache) {
  // Read before letting go: a full span is the returners' from then on, who may release it and let
  // its record become another.
  const uint32_t slots = span.slots;
  const unsigned malloc_class = span.malloc_class;
  FollowUp(span.ownership.Drop(slots), span, slots, malloc_class, cache);
}

void SpanHeap::FollowUp(OwnershipWord::Next next, Span& span, uint32_t slots, unsigned malloc_class,
                        PageCache& cache) {
  switch (next) {
    case OwnershipWord::Next::kList:
      if (!lists_.central[malloc_class].Put(table_, &span, IsBacked(span))) Retire(span, cache);
      return;
    case OwnershipWord::Next::kRelease:
      Retire(span, cache);
      return;
    case OwnershipWord::Next::kNothing:
      // A hint only: TakeIfEmpty decides under the lock.
      if (span.ownership.is_listed_and_empty(slots) &&
          lists_.central[malloc_class].TakeIfEmpty(table_, &span, malloc_class)) {
        Retire(span, cache);
      }
  }
}

void SpanHeap::Retire(Span& span, PageCache& cache) {
  if (lists_.spares.Keep(span.malloc_class, &span)) return;
  const PageRun run = TakeApart(span);
  pages_.FreeTo(cache, run.first, run.count);
}

// The pages go where nobody knows of holes: they count as backed there.
void SpanHeap::FillAllHoles(Span& span) {
  const uint32_t holes = span.holes.LoadRelaxed();  // relaxed: the holder writes it
  if (holes == 0) return;
  const SpanHoles of(span, os_page_);
  NoteHoles(-static_cast<int64_t>(CountOnes(holes) * of.unit().value));
  span.holes.StoreRelaxed(0);
}

PageRun SpanHeap::TakeApart(Span& span) {
  const PageRun run{span.first, Pages(span.pages), Pages(0), false};
  span_counts_[span.malloc_class].FetchSubRelaxed(1);  // relaxed: statistics
  small_bytes_.FetchSubRelaxed(BytesOf(run.count).value);
  FillAllHoles(span);
  span.state.StoreRelease(SpanState::kUnused);
  Unpublish(span);
  span.ownership.End();
  table_.Free(&span);
  return run;
}

bool SpanHeap::GiveUpSpares() {
  bool any = GiveUpShelf();
  any |= lists_.runs.Drain(pages_);
  for (unsigned c = 1; c <= kSmallClasses && !lists_.spares.is_empty(); ++c) {
    while (Span* span = lists_.spares.Take(c)) {
      const PageRun run = TakeApart(*span);
      pages_.Free(run.first, run.count);
      any = true;
    }
  }
  return any;
}

bool SpanHeap::GiveUpIdleSpares() {
  table_.GiveBackIdle();
  bool any = GiveUpIdleShelf();
  any |= lists_.runs.DrainIdle(pages_);
  for (unsigned c = 1; c <= kSmallClasses && !lists_.spares.is_empty(); ++c) {
    Span* idle[SpareSpans::kDepth];
    const unsigned count = lists_.spares.TakeIdle(c, idle);
    for (unsigned i = 0; i < count; ++i) {
      const PageRun run = TakeApart(*idle[i]);
      pages_.Free(run.first, run.count);
      any = true;
    }
  }
  return any;
}

void SpanHeap::ReturnSlots(unsigned malloc_class, void* const* blocks, uint32_t n, PageCache& cache,
                           const char* call) {
  if (IsAlone()) {
    LoneReturn(*this, malloc_class, cache, call).Return(blocks, n);
    return;
  }
  for (uint32_t done = 0; done < n; done += kMaxBatch) {
    const uint32_t some = n - done < kMaxBatch ? n - done : kMaxBatch;
    ReturnSorted(malloc_class, blocks + done, some, cache, call);
  }
}

void SpanHeap::ReturnSorted(unsigned malloc_class, void* const* blocks, uint32_t n,
                            PageCache& cache, const char* call) {
  ReturnBatch batch(*this, malloc_class, call);
  batch.Locate(blocks, n);
  batch.Sort(blocks);
  for (uint32_t i = 0; i < batch.group_count(); ++i) {
    const ReturnBatch::Group& group = batch.group(i);
    ClearSlots(table_.At(group.span), group.word, group.mask, call);
  }
  for (uint32_t i = 0; i < batch.group_count(); ++i) {
    const ReturnBatch::Group& last = batch.group(i);
    if (!last.latest) continue;
    uint32_t returned = last.count;
    for (uint8_t at = last.earlier; at != 0; at = batch.group(at - 1U).earlier) {
      returned += batch.group(at - 1U).count;
    }
    NoteReturned(table_.At(last.span), returned, malloc_class, cache);
  }
}

void SpanHeap::NoteReturned(Span& span, uint32_t k, unsigned malloc_class, PageCache& cache) {
  const uint32_t slots = kMallocClasses[malloc_class].slots;
  const OwnershipWord::Next next = span.ownership.Return(k, slots);
  // The usual case first: somebody looks after the span, and it is not empty.
  if (next == OwnershipWord::Next::kNothing && !span.ownership.is_listed_and_empty(slots)) return;
  FollowUp(next, span, slots, malloc_class, cache);
}

void* SpanHeap::AllocateRun(unsigned malloc_class, Pages alignment, PageCache& cache,
                            bool& zeroed) {
  PageRun run = alignment == Pages(1) ? lists_.runs.Take(malloc_class)
                                      : lists_.runs.TakeAligned(malloc_class, alignment, pages_);
  if (run.count == Pages(0)) run = TakePages(RunPages(malloc_class), alignment, cache);
  if (run.count == Pages(0)) return nullptr;
  zeroed = run.zeroed;
  // Relaxed: published with the block.
  pages_.tables().class_of[run.first.value].StoreRelaxed(static_cast<uint8_t>(malloc_class));
  return PointerTo(pages_.AddressOf(run.first));
}

void SpanHeap::FreeRun(unsigned malloc_class, void* block, PageCache& cache, const char* call) {
  const Address start = AddressOf(block);
  const PageIndex first = pages_.IndexOf(start);
  if (start != pages_.AddressOf(first)) FatalMisalignedFree(call, start, FactsOf(start));
  // The exchange makes one of two racing frees find 0.
  if (pages_.tables().class_of[first.value].Exchange(0) != malloc_class) {
    FatalDoubleFree(call, start, {Bytes(BlockBytes(malloc_class)), start, RunPages(malloc_class)});
  }
  // Relaxed: read by whoever frees it again, if it is seen by then.
  pages_.tables().span_of[first.value].StoreRelaxed(FormerBlock::OfRun(malloc_class).entry());
  if (!lists_.runs.Keep(malloc_class, first)) pages_.FreeTo(cache, first, RunPages(malloc_class));
}

bool SpanHeap::ExtendPages(PageIndex end, Pages more) {
  if (pages_.TryExtend(end, more)) return true;
  // What is in the way may be a run that waits on its shelf: as likely as not the one that this
  // block was copied out of when it last grew.
  return lists_.runs.Drain(pages_) && pages_.TryExtend(end, more);
}

bool SpanHeap::ResizeRun(void* block, unsigned from_class, unsigned to_class) {
  const PageIndex first = pages_.IndexOf(AddressOf(block));
  const Pages from = RunPages(from_class);
  const Pages to = RunPages(to_class);
  if (to > from && !ExtendPages(first + from, to - from)) return false;
  pages_.tables().class_of[first.value].StoreRelaxed(static_cast<uint8_t>(to_class));
  if (to < from) pages_.Free(first + to, from - to);
  return true;
}

void* SpanHeap::AllocateSolo(Bytes size, PageCache& cache) {
  Span* span = table_.Allocate(1);
  if (span == nullptr) return nullptr;
  const Pages pages = size == Bytes(0) ? Pages(1) : PagesFor(size);
  const PageRun run = TakePages(pages, Pages(1), cache);
  if (run.count == Pages(0)) {
    table_.Free(span);
    return nullptr;
  }
  span->first = run.first;
  span->pages = run.count.value;
  span->block_bytes = static_cast<uint32_t>(BytesOf(run.count).value);
  span->magic = 0;
  span->malloc_class = 0;
  span->state.StoreRelease(SpanState::kSolo);
  Publish(*span);
  solo_bytes_.FetchAddRelaxed(span->block_bytes);  // relaxed: statistics
  solo_count_.FetchAddRelaxed(1);
  return PointerTo(pages_.AddressOf(run.first));
}

bool SpanHeap::FreeSolo(Span& span, PageCache& cache) {
  SpanState live = SpanState::kSolo;
  if (!span.state.CompareExchangeStrong(live, SpanState::kUnused)) return false;
  const PageIndex first = span.first;
  const Pages pages(span.pages);
  solo_bytes_.FetchSubRelaxed(span.block_bytes);  // relaxed: statistics
  solo_count_.FetchSubRelaxed(1);
  Unpublish(span);
  table_.Free(&span);
  pages_.FreeTo(cache, first, pages);
  return true;
}

Span* SpanHeap::SpanOf(Address p) const {
  if (!pages_.Contains(p)) return nullptr;
  const uint32_t index =
      FormerBlock::RecordIn(pages_.tables().span_of[pages_.IndexOf(p).value].LoadAcquire());
  return index == 0 ? nullptr : &table_.At(index);
}

void SpanHeap::Verify(uint64_t (&used)[kMallocClassCount]) {
  shelf_.Verify();
  for (uint32_t index = 1; index < table_.end(); ++index) {
    const Span& span = table_.At(index);
    if (span.state.LoadAcquire() != SpanState::kSmall) continue;
    VerifySpan(span);
    used[span.malloc_class] += span.slots - span.ownership.free_count();
  }
}

void SpanHeap::VerifySpan(const Span& span) const {
  uint32_t set = 0;
  for (uint32_t w = 0; w < span.word_count(); ++w) {
    set += CountOnes(span.bits[w].LoadAcquire());
  }
  set -= CountOnes(span.padding());
  SPANHEAP_CHECK(set + span.ownership.free_count() == span.slots);
  SPANHEAP_CHECK(span.ownership.is_listed() == (span.link.LoadAcquire() != 0));
  SPANHEAP_CHECK(span.ownership.free_count() == 0 || span.ownership.is_held() ||
                 span.ownership.is_listed());
  const PageTables& tables = pages_.tables();
  for (uint32_t i = 0; i < span.pages; ++i) {
    const uint32_t page = span.first.value + i;
    SPANHEAP_CHECK(tables.span_of[page].LoadAcquire() == table_.IndexOf(&span));
    SPANHEAP_CHECK(tables.class_of[page].LoadAcquire() == span.malloc_class);
  }
}

void SpanHeap::ResetInChild() {
  table_.ResetInChild();
  shelf_.ResetInChild();
  lists_.runs.ResetInChild();
  lists_.spares.ResetInChild();
  for (CentralList& list : lists_.central) list.ResetInChild();
}

}  // namespace spanheap
