// SPDX-License-Identifier: MIT
#include "pages/page_heap.h"

#include <algorithm>

#include "base/check.h"
#include "base/count_ones.h"
#include "base/fatal.h"
#include "base/platform.h"
#include "os/futex.h"

namespace spanheap {
namespace {

// How much is made ready at once: 4 MiB at first, up to 64 MiB. More means fewer system calls.
constexpr uint32_t kMostChunksPerStep = 16;
// A cache is worth refilling for requests up to this; larger ones would mostly not fit into it.
constexpr Pages kRefillFor{16};
// So many chunks are searched for an aligned run, at up to a microsecond each: all of half a GiB,
// and in larger heaps more than most requests come to.
constexpr unsigned kMostLooks = 128;

uint32_t ChunksFor(Pages n) { return static_cast<uint32_t>(DivideUp(n.value, kChunkPages.value)); }

constexpr Bytes BytesOf(Count chunks) { return Bytes(size_t{chunks.value} << kChunkShift); }

// Of a step of growth of this kind.
Count Length(HugeGrowth::Step step, Count needed, Count usual) {
  constexpr Count kHuge(static_cast<uint32_t>(HugePagePolicy::kStep / kChunkSize));
  if (step == HugeGrowth::Step::kHuge) return std::max(usual, kHuge);
  return step == HugeGrowth::Step::kSample ? needed : usual;
}

uint64_t BytesIn(uint64_t pages) { return pages << kPageShift; }

}  // namespace

SPANHEAP_AT_START bool PageHeap::Init(os::Memory& memory, const PageHeapOptions& options) {
  MutexLock growing(growth_lock_);
  if (!space_.Init(memory, options)) return false;
  memory_ = &memory;
  ask_strict_ = options.is_overcommit_strict;
  if (options.limits.data != os::kUnlimited) charged_for_.StoreRelaxed(Charged::kYes);
  NoteSpace();
  const auto units = ReleaseUnitsFor(options.os_page, options.huge_page);
  unit_ = units.huge_page;
  huge_pages_ = unit_ == 0 ? nullptr : options.huge_pages;
  huge_growth_.Init(memory, huge_pages_);
  MutexLock lock(lock_);
  pages_.Init(space_.AllocatorTables(), units);
  return true;
}

// ---- taking

// Free pages, charged for where they are not backed.
PageRun PageHeap::TakeLocked(PageIndex first, Pages n) {
  if (gauge_.has_ceiling()) [[unlikely]] {
    const Bytes fresh = BytesOf(pages_.ScavengedIn(first, n));
    if (!gauge_.TryCharge(fresh)) return {PageIndex(), Pages(0), Pages(0), false, true};
    charged_ += fresh.value;
  }
  const PageRun run = pages_.AllocateAt(first, n);
  NoteBackedLocked();
  NoteTakenLocked(run.end());
  return run;
}

// The gauge follows the counts. (The difference may be below zero: sums wrap round.)
void PageHeap::NoteBackedLocked() {
  const PageAllocator::Counts& counts = pages_.counts();
  const uint64_t backed = BytesIn(counts.grown - counts.scavenged);
  if (backed != charged_) gauge_.Charge(Bytes(backed - charged_));
  charged_ = backed;
}

PageIndex PageHeap::FindLocked(Pages n, Pages alignment) {
  if (alignment <= Pages(1)) return pages_.FindRun(n);
  // Arenas are aligned to chunks. Beyond that page numbers tell alignment only in a single one.
  if (alignment <= kChunkPages || space_.has_one_arena()) {
    const PageAlignment places{alignment.value, tables().base.value >> kPageShift};
    const PageIndex found = pages_.FindAligned(n, places, kMostLooks);
    if (found != PageAllocator::kNone) return found;
  }
  return FindPaddedLocked(n, alignment);
}

// The lowest run if it happens to be aligned, or else a part of one that is long enough for an
// aligned run wherever it lies.
PageIndex PageHeap::FindPaddedLocked(Pages n, Pages alignment) {
  const PageIndex lowest = pages_.FindRun(n);
  if (lowest == PageAllocator::kNone || SkipTo(alignment, lowest) == Pages(0)) return lowest;
  const uint64_t padded = uint64_t{n.value} + alignment.value - 1;
  if (padded > ~uint32_t{0}) return PageAllocator::kNone;
  const PageIndex hole = pages_.FindRun(Pages(static_cast<uint32_t>(padded)));
  return hole == PageAllocator::kNone ? hole : hole + SkipTo(alignment, hole);
}

Pages PageHeap::SkipTo(Pages alignment, PageIndex p) const {
  const Address start = AddressOf(p);
  return PagesFor(RoundUp(start, BytesOf(alignment)) - start);
}

PageRun PageHeap::AllocateLocked(Pages n, Pages alignment) {
  const PageIndex first = FindLocked(n, alignment);
  return first == PageAllocator::kNone ? PageRun{} : TakeLocked(first, n);
}

PageRun PageHeap::TryAllocate(Pages n, Pages alignment) {
  MutexLock lock(lock_);
  const PageRun run = AllocateLocked(n, alignment);
  if (run) ++allocations_;
  return run;
}

PageRun PageHeap::Allocate(Pages n, Pages alignment) { return AllocateWith(n, alignment, false); }

PageRun PageHeap::AllocateWith(Pages n, Pages alignment, bool is_ahead) {
  if (n.value == 0) return {};
  const PageRun near = TryAllocate(n, alignment);
  if (near || near.over_limit) [[likely]]
    return near;
  for (unsigned turn = 0;; ++turn) {
    if (reclaimer_ != nullptr && reclaimer_(keeper_)) {
      if (const PageRun run = TryAllocate(n, alignment)) return run;
    }
    const PageRun run = AllocateByGrowing(n, alignment, is_ahead);
    if (run || run.over_limit) return run;
    {
      MutexLock lock(lock_);
      if (pages_.counts().claimed == 0) return AllocateLocked(n, alignment);
    }
    os::GiveWay(turn);  // pages on their way back to the OS will be free again
  }
}

// What has grown may be gone before this thread gets at it: caches take 64 pages at a time. Then it
// grows again.
PageRun PageHeap::AllocateByGrowing(Pages n, Pages alignment, bool is_ahead) {
  MutexLock growing(growth_lock_);
  grows_ahead_ = is_ahead;
  for (;;) {
    // Whoever held this lock before may have grown enough for two.
    if (const PageRun run = TryAllocate(n, alignment)) return run;
    // Growing for nothing would only add tables.
    if (!gauge_.HasRoomFor(BytesOf(n))) return {PageIndex(), Pages(0), Pages(0), false, true};
    const ChunkRange grown = GrowFor(Count(ChunksFor(n)), BytesOf(alignment));
    if (grown.size().value == 0) return {};
    MutexLock lock(lock_);
    PageRun run = AllocateLocked(n, alignment);
    if (!run && !run.over_limit) run = TakeLocked(FirstPage(grown.begin), n);
    if (run) ++allocations_;
    if (run || run.over_limit) return run;
  }
}

PageRun PageHeap::AllocateFromSlow(PageCache& cache, Pages n) {
  if (n <= kRefillFor && cache.is_empty() && FillCache(cache)) {
    if (const PageRun run = cache.Allocate(n)) return run;
  }
  return AllocateWith(n, Pages(1), cache.is_ahead_);
}

bool PageHeap::FillCache(PageCache& cache) {
  MutexLock lock(lock_);
  if (!gauge_.HasRoomFor(BytesOf(kPagesPerWord))) return false;
  const PageBlock block = pages_.TakeBlock();
  if (block.free == 0) return false;
  NoteBackedLocked();
  NoteTakenLocked(block.base + kPagesPerWord);
  ++allocations_;
  cache.Fill(block);
  if (!cache.is_listed_) {
    cache.is_listed_ = true;
    cache.next_ = caches_;
    caches_ = &cache;
  }
  return true;
}

// ---- giving

void PageHeap::FreeLocked(PageIndex first, Pages n) {
  if (!pages_.AllUsed(first, n)) [[unlikely]]
    FatalFreeOfFreePages(first, n);
  pages_.Free(first, n);
}

void PageHeap::Free(PageIndex first, Pages n) {
  MutexLock lock(lock_);
  FreeLocked(first, n);
}

void PageHeap::FreeMany(const PageRun* runs, size_t count) {
  MutexLock lock(lock_);
  for (size_t i = 0; i < count; ++i) FreeLocked(runs[i].first, runs[i].count);
}

void PageHeap::Flush(PageCache& cache) {
  MutexLock lock(lock_);
  pages_.ReturnBlock(cache.Drain());
  NoteBackedLocked();
  if (!cache.is_listed_) return;
  PageCache** link = &caches_;
  while (*link != &cache) link = &(*link)->next_;
  *link = cache.next_;
  cache.next_ = nullptr;
  cache.is_listed_ = false;
}

// ---- growing

// A small heap does not ask, since that opens a file: it grows by what it must in any case.
bool PageHeap::IsStrict() {
  // Relaxed, both: whoever asks gets the same answer, and the peak is a hint.
  Charged known = charged_for_.LoadRelaxed();
  if (known == Charged::kUnknown) {
    if (Bytes(peak_grown_.LoadRelaxed()) < HugePagePolicy::kOrdinaryStart) return false;
    known = ask_strict_ != nullptr && ask_strict_() ? Charged::kYes : Charged::kNo;
    charged_for_.StoreRelaxed(known);
  }
  return known == Charged::kYes;
}

Count PageHeap::StepFor(Count chunks) {
  if (IsStrict()) return chunks;
  // Relaxed: changed under the growth lock only, which is held.
  const uint64_t grown = grown_.LoadRelaxed() >> kChunkShift;
  const auto step = static_cast<uint32_t>(std::clamp<uint64_t>(grown / 4, 1, kMostChunksPerStep));
  return std::max(chunks, Count(step));
}

HugeGrowth::Step PageHeap::NextStep(Count needed, Count usual) {
  if (IsStrict()) return HugeGrowth::Step::kUsual;  // what is charged for grows by what it must
  // Relaxed: as in StepFor.
  return huge_growth_.Next(Bytes(grown_.LoadRelaxed()), BytesOf(needed), BytesOf(usual));
}

ChunkRange PageHeap::GrowFor(Count chunks, Bytes alignment) {
  const ChunkRange needed = space_.FindRoom(chunks, alignment);
  if (needed.size().value == 0) return {};
  const Count usual = StepFor(chunks);
  const HugeGrowth::Step step = NextStep(chunks, usual);
  const ChunkRange wide = space_.Widen(needed, Length(step, chunks, usual));
  if (GrowRange(wide, step)) return wide;
  if (wide == needed) return {};
  return GrowRange(needed, HugeGrowth::Step::kUsual) ? needed : ChunkRange{};
}

bool PageHeap::GrowRange(ChunkRange chunks, HugeGrowth::Step step) {
  if (!space_.MakeReady(chunks)) return false;
  const Address start = AddressOf(FirstPage(chunks.begin));
  const bool is_later = step == HugeGrowth::Step::kHuge && MayBeAhead();
  if (is_later) {
    huge_growth_.ApplyLater(start, BytesOf(chunks.size()));
  } else if (huge_growth_.Apply(step, start, BytesOf(chunks.size()))) {
    space_.SetAdvised(chunks, true);
  }
  bool is_grown;
  uint64_t grown;
  {
    MutexLock lock(lock_);
    is_grown = pages_.Grow(chunks, true);
    if (is_grown && is_later)
      ahead_.Open(FirstPage(chunks.begin), FirstPage(chunks.end), Pages(unit_));
    grown = BytesIn(pages_.counts().grown);
  }
  if (!is_grown) {
    space_.MakeInaccessible(chunks);
    return false;
  }
  // Relaxed: statistics, written under the growth lock.
  grown_.StoreRelaxed(grown);
  peak_grown_.StoreRelaxed(std::max(peak_grown_.LoadRelaxed(), grown));
  NoteSpace();
  return true;
}

// Under a limit each page counts: none is resident ahead of need.
bool PageHeap::MayBeAhead() const {
  return grows_ahead_ && unit_ % kPagesPerWord.value == 0 && huge_growth_.MayApplyLater() &&
         gauge_.limit() == MemoryGauge::kNone && !gauge_.has_ceiling();
}

SPANHEAP_AT_START void PageHeap::NoteSpace() {
  // Relaxed: statistics, written under the growth lock.
  gauge_.Charge(Bytes(space_.table_bytes().value - metadata_.LoadRelaxed()));
  metadata_.StoreRelaxed(space_.table_bytes().value);
  reserved_.StoreRelaxed(space_.reserved().value);
}

PageRun PageHeap::TryExtend(PageIndex end, Pages more) {
  if (more.value == 0 || end.value + uint64_t{more.value} > PageAllocator::kNone.value) return {};
  {
    MutexLock lock(lock_);
    if (pages_.AllFree(end, more)) return TakeLocked(end, more);
  }
  MutexLock growing(growth_lock_);
  grows_ahead_ = false;  // runs are malloc's
  if (!gauge_.HasRoomFor(BytesOf(more)) || !GrowOver(end, more)) return {};
  MutexLock lock(lock_);
  return pages_.AllFree(end, more) ? TakeLocked(end, more) : PageRun{};
}

// Grows what is missing at the upper end of [end, end + more), if the rest is free.
bool PageHeap::GrowOver(PageIndex end, Pages more) {
  ChunkRange missing{ChunkOf(end), ChunkOf(end + (more - Pages(1))) + Count(1)};
  {
    MutexLock lock(lock_);
    while (missing.begin < missing.end && pages_.grown().Contains(missing.begin)) ++missing.begin;
    if (missing.begin == missing.end) return true;
    const PageIndex border = FirstPage(missing.begin);
    if (border > end && !pages_.AllFree(end, border - end)) return false;
  }
  if (!space_.HasRoom(missing)) return false;
  return GrowRange(missing, NextStep(missing.size(), missing.size()));
}

// ---- huge pages ahead

// Relaxed: what is due stays so.
void PageHeap::NoteTakenLocked(PageIndex end) {
  if (ahead_.NoteTaken(end)) touch_due_.StoreRelaxed(true);
}

PageRun PageHeap::TakeAhead() {
  MutexLock lock(lock_);
  if (gauge_.has_ceiling()) ahead_.Close();
  const PageRun run = ahead_.Take(pages_);
  NoteBackedLocked();
  return run;
}

// Who takes advice back clears the bit first, and may do so between the bit and the advice.
bool PageHeap::TouchAhead(const PageRun& run) {
  const ChunkIndex c = ChunkOf(run.first);
  const Address start = AddressOf(run.first);
  space_.SetAdvised({c, c + Count(1)}, true);
  if (!huge_pages_->TouchOne(start)) return false;
  if (!space_.IsAdvised(c)) memory_->AdviseOrdinary(start, BytesOf(run.count));
  return true;
}

void PageHeap::ReturnAhead(bool was_touched) {
  MutexLock lock(lock_);
  if (!was_touched) ahead_.Close();
  const bool is_due = ahead_.Return(pages_, was_touched);
  NoteBackedLocked();
  if (is_due) touch_due_.StoreRelaxed(true);  // relaxed: as above
}

// ---- giving back to the OS

void PageHeap::NextGeneration() {
  MutexLock lock(lock_);
  pages_.NextGeneration();
}

Pages PageHeap::ReleaseFree(Pages at_most, bool force) {
  Pages released = IsStrict() ? ReleaseChunks(at_most) : Pages(0);
  const Urgency urgency = force ? Urgency::kAtOnce : Urgency::kNone;
  if (released < at_most) released += ReleaseUnits(at_most - released, urgency);
  if (released < at_most) released += ReleasePieces(at_most - released, urgency);
  return released;
}

Pages PageHeap::ReleaseUnits(Pages at_most, Urgency urgency) {
  Pages released;
  ChunkIndex from = ChunkOf(PageAllocator::kNone);
  while (from.value != 0 && released < at_most) {
    Claims claims;
    ClaimHugePages(claims, at_most - released, urgency != Urgency::kNone, from);
    released += Release(claims, urgency);
  }
  return released;
}

Pages PageHeap::ReleasePieces(Pages at_most, Urgency urgency) {
  Pages released;
  while (released < at_most) {
    Claims claims;
    ClaimFragments(claims, at_most - released, urgency != Urgency::kNone);
    if (claims.count == 0) break;
    released += Release(claims, urgency);
  }
  return released;
}

void PageHeap::ClaimHugePages(Claims& claims, Pages at_most, bool force, ChunkIndex& from) {
  MutexLock lock(lock_);
  Pages total;
  while (claims.count < kClaims && total < at_most && from.value != 0) {
    const PageRun run = pages_.ClaimHugePage(from, force);
    if (!run) break;  // none here: let others have the lock before looking further
    claims.runs[claims.count++] = run;
    total += run.count - run.scavenged;
  }
}

void PageHeap::ClaimFragments(Claims& claims, Pages at_most, bool force) {
  MutexLock lock(lock_);
  Pages total;
  while (claims.count < kClaims && total < at_most) {
    const uint32_t left = std::min((at_most - total).value, kChunkPages.value);
    const PageRun run = pages_.ClaimForRelease(left, force);
    if (!run) break;
    claims.runs[claims.count++] = run;
    total += run.count - run.scavenged;
  }
}

// With no lock held; neighbours are one range. Claims come highest first.
void PageHeap::Advise(const Claims& claims, bool lazily, bool (&given)[kClaims]) {
  os::MemoryRange ranges[kClaims];
  bool taken[kClaims];
  uint8_t range_of[kClaims];
  unsigned count = 0;
  for (unsigned i = 0; i < claims.count; ++i) {
    const PageRun& run = claims.runs[i];
    const Address start = AddressOf(run.first);
    if (count > 0 && run.end() == claims.runs[i - 1].first) {
      ranges[count - 1] = {start, ranges[count - 1].size + BytesOf(run.count)};
    } else {
      ranges[count++] = {start, BytesOf(run.count)};
    }
    range_of[i] = static_cast<uint8_t>(count - 1);
  }
  if (lazily) {
    for (unsigned r = 0; r < count; ++r) {
      taken[r] = memory_->ReleaseLazily(ranges[r].start, ranges[r].size);
    }
  } else {
    memory_->ReleaseMany(ranges, count, taken);
  }
  for (unsigned i = 0; i < claims.count; ++i) given[i] = taken[range_of[i]];
}

// Gives the claimed pages to the OS and puts them back. What was released lazily may still hold its
// old content.
Pages PageHeap::Release(const Claims& claims, Urgency urgency) {
  if (claims.count == 0) return Pages(0);
  bool given[kClaims];
  // Relaxed: a preference.
  const bool is_lazy = urgency != Urgency::kAtOnce && lazy_release_.LoadRelaxed();
  for (unsigned i = 0; i < claims.count; ++i) {
    KeepHolesOpen(claims.runs[i].first, claims.runs[i].count);
  }
  Advise(claims, is_lazy, given);
  MutexLock lock(lock_);
  Pages released;
  for (unsigned i = 0; i < claims.count; ++i) {
    const PageRun& run = claims.runs[i];
    pages_.FinishRelease(run, given[i], given[i] && !is_lazy);
    if (!given[i]) continue;
    released += run.count - run.scavenged;
    ++os_releases_;
  }
  NoteBackedLocked();
  return released;
}

// Part of a huge page is about to become a hole. The kernel would fill it again in its own time.
void PageHeap::KeepHolesOpen(PageIndex first, Pages n) {
  if (unit_ == 0 || (PageInChunk(first) % unit_ == 0 && n.value % unit_ == 0)) return;
  const ChunkIndex last = ChunkOf(first + (n - Pages(1)));
  for (ChunkIndex c = ChunkOf(first); c <= last; ++c) {
    if (space_.IsAdvised(c)) TakeAdviceBack(space_.AdvisedAround(c));
  }
}

// The bits go first: who sees them asks for nothing that this call would undo.
void PageHeap::TakeAdviceBack(ChunkRange chunks) {
  space_.SetAdvised(chunks, false);
  memory_->AdviseOrdinary(AddressOf(FirstPage(chunks.begin)), BytesOf(chunks.size()));
}

void PageHeap::ForgetHugeAdvice() {
  for (ChunkIndex c(1); c < space_.capacity();) {
    c = space_.FirstAdvised(c);
    if (c >= space_.capacity()) return;
    const ChunkRange around = space_.AdvisedAround(c);
    TakeAdviceBack(around);
    c = around.end;
  }
}

bool PageHeap::ReleaseTables() {
  constexpr unsigned kMost = 4;
  ChunkRange claims[kMost];
  unsigned count = 0;
  bool has_more;
  {
    MutexLock lock(lock_);
    while (count < kMost &&
           pages_.ClaimTables(space_.table_group(), space_.table_part(), claims[count])) {
      ++count;
    }
    has_more = pages_.has_loose_tables();
  }
  if (count == 0) return has_more;
  for (unsigned i = 0; i < count; ++i) space_.ReleaseTables(claims[i]);
  MutexLock lock(lock_);
  for (unsigned i = 0; i < count; ++i) pages_.FinishTables(claims[i]);
  return has_more;
}

// Where overcommit is strict or data is limited, only inaccessible memory is not charged for:
// wholly free chunks go back to being room.
Pages PageHeap::ReleaseChunks(Pages at_most) {
  MutexLock growing(growth_lock_);
  Pages released;
  while (at_most - released >= kChunkPages) {
    ChunkRange chunks;
    {
      MutexLock lock(lock_);
      chunks = pages_.FindFreeChunks(Count((at_most - released).value / kChunkPages.value));
      if (chunks.size().value == 0 || !pages_.Shrink(chunks)) break;
    }
    if (!space_.MakeInaccessible(chunks)) {
      MutexLock lock(lock_);
      SPANHEAP_CHECK(pages_.Grow(chunks, false));
      break;
    }
    released += Pages(chunks.size().value << kChunkPagesShift);
  }
  MutexLock lock(lock_);
  NoteBackedLocked();
  grown_.StoreRelaxed(BytesIn(pages_.counts().grown));  // relaxed: as in GrowRange
  return released;
}

// ---- looking

PageHeapStats PageHeap::ReadStats() const {
  PageHeapStats stats;
  // Relaxed: statistics that are exact only while nobody grows.
  stats.metadata = metadata_.LoadRelaxed();
  stats.peak_grown = peak_grown_.LoadRelaxed();
  stats.reserved = reserved_.LoadRelaxed();
  MutexLock lock(lock_);
  const PageAllocator::Counts& counts = pages_.counts();
  uint64_t cached = ahead_.taken().value;  // free, and in a thread's hands
  for (const PageCache* c = caches_; c != nullptr; c = c->next_) {
    cached += CountOnes(c->free_bits());
  }
  stats.grown = BytesIn(counts.grown);
  stats.cached = BytesIn(cached);
  stats.free_backed = BytesIn(counts.free - counts.scavenged + counts.claimed);
  stats.released = BytesIn(counts.scavenged);
  stats.used = stats.grown - stats.cached - stats.free_backed - stats.released;
  stats.os_releases = os_releases_;
  stats.allocations = allocations_;
  return stats;
}

uint64_t PageHeap::TakeSwing() {
  MutexLock lock(lock_);
  return BytesIn(pages_.TakeSwing());
}

uint64_t PageHeap::Verify() {
  MutexLock lock(lock_);
  uint64_t used = pages_.Verify();
  SPANHEAP_CHECK(pages_.counts().claimed != 0 ||
                 charged_ == BytesIn(pages_.counts().grown - pages_.counts().scavenged));
  for (const PageCache* c = caches_; c != nullptr; c = c->next_) {
    const uint64_t free = c->free_bits();
    SPANHEAP_CHECK((c->scavenged_bits() & ~free) == 0);
    if (free == 0) continue;
    const PageBitmap& bits = pages_.Chunk(ChunkOf(c->base())).used;
    SPANHEAP_CHECK((free & ~bits.words[PageInChunk(c->base()) / 64]) == 0);
    used -= CountOnes(free);
  }
  return used - pages_.counts().claimed - ahead_.taken().value;
}

void PageHeap::ResetInChild() {
  growth_lock_.ResetInChild();
  lock_.ResetInChild();
  ahead_.ResetInChild(pages_);
}

}  // namespace spanheap
