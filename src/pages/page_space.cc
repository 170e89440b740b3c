// SPDX-License-Identifier: MIT
#include "pages/page_space.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/platform.h"

namespace spanheap {
namespace {

constexpr Bytes kTableUnit = 64_KiB;  // tables begin at multiples of the largest OS page
constexpr Bytes kUsualReserve(size_t{1} << 40);
constexpr Bytes kLeastReserve = 16_GiB;  // less than this is not worth being the only arena
constexpr Bytes kLeastCapacity = 64_GiB;
constexpr Bytes kMostCapacity(size_t{16} << 40);
constexpr Bytes kArenaAhead = 64_MiB;  // a first sparse arena; later ones grow with the heap
// Limits on locked memory below this are mostly some system's default (64 KiB, 8 MiB, 64 MiB) and
// say nothing of the program; docs/decisions/0012.
constexpr Bytes kLockableLimit = 256_MiB;
// A heap whose reservations must fit into such a limit grows to so many times the limit.
constexpr size_t kCapacityPerLockable = 64;

// Advice is taken back from so many at once: 32 MiB, so that mappings stay few.
constexpr uint32_t kAdviceChunks = 8;

constexpr Bytes BytesOf(Count chunks) { return Bytes(size_t{chunks.value} << kChunkShift); }
constexpr Count ChunksIn(Bytes n) {
  return Count(static_cast<uint32_t>(std::min<size_t>(n.value >> kChunkShift, 1U << 22)));
}
// Chunks whose entries in a table by page number fill an OS page.
constexpr Count ChunksToFill(Bytes os_page, size_t entry) {
  return Count(static_cast<uint32_t>(DivideUp(os_page.value, kChunkPages.value * entry)));
}
constexpr Bytes LockableCapacity(Bytes limit) {
  return std::min(limit, Bytes(kMostCapacity.value / kCapacityPerLockable)) * kCapacityPerLockable;
}
constexpr Bytes Whole(size_t bytes) { return RoundUp(Bytes(bytes), kTableUnit); }

}  // namespace

// Offsets of the tables in their reservation.
struct PageSpace::Layout {
  explicit Layout(Count for_chunks)
      : chunks(for_chunks),
        shape(SummaryShape::For(chunks)),
        whole(Whole(shape.UpperEntries() * sizeof(RunSummary) +
                    2 * DivideUp(chunks.value, 32) * sizeof(uint32_t) +
                    2 * kMaxRanges * sizeof(ChunkRange) +
                    kMaxArenas * (sizeof(Arena) + sizeof(Atomic<uint16_t>)))),
        class_of(Whole(size_t{chunks.value} * kChunkPages.value)),
        span_of(Whole(size_t{chunks.value} * kChunkPages.value * sizeof(uint32_t))),
        chunks_at(Whole(size_t{chunks.value} * sizeof(PageChunk))),
        leaves(Whole(size_t{shape.LeafEntries()} * sizeof(RunSummary))),
        records(Whole(size_t{chunks.value} * sizeof(ScavengeIndex::Record))) {}

  Bytes Total() const { return whole + class_of + span_of + chunks_at + leaves + records; }

  Count chunks;
  SummaryShape shape;
  Bytes whole, class_of, span_of, chunks_at, leaves, records;
};

SPANHEAP_AT_START PageSpace::Plan PageSpace::PlanFor(const PageHeapOptions& options) {
  const os::MemoryLimits& limits = options.limits;
  Plan plan{kUsualReserve, kUsualReserve};
  if (limits.address_space != os::kUnlimited) {
    const Bytes ahead(limits.address_space.value / 8);
    const Bytes first = std::min(ahead, kArenaAhead);  // the chunk in front of it included
    plan = {first > kChunkSize ? first - kChunkSize : first, limits.address_space + kArenaAhead};
    arena_limit_ = std::max(ChunksIn(ahead), Count(1));
  } else if (limits.locked != os::kUnlimited && limits.locked >= kLockableLimit) {
    const Bytes quarter(limits.locked.value / 4);
    plan = {std::min(quarter, kUsualReserve), LockableCapacity(limits.locked)};
  }
  if (options.sparse) plan.first = std::min(plan.first, kArenaAhead);
  if (options.reserve.value != 0) {
    plan.first = options.reserve;
    plan.capacity = std::max(options.reserve, std::min(plan.capacity, kLeastCapacity));
    if (options.reserve <= limits.locked && limits.locked != os::kUnlimited) {
      // So little on purpose: the tables, and what is reserved later, shall fit, too.
      plan.capacity = std::min(plan.capacity, LockableCapacity(limits.locked));
      arena_limit_ = std::max(ChunksIn(Bytes(limits.locked.value / 8)), Count(1));
    }
  }
  if (options.sparse && limits.address_space == os::kUnlimited) plan.capacity = kLeastCapacity;
  // Where memory is charged for, the heap starts small.
  if (limits.data != os::kUnlimited) plan.first = std::min(plan.first, kLeastReserve);
  plan.first = std::max(RoundUp(plan.first, kChunkSize), kChunkSize);
  plan.capacity = std::min(plan.capacity, kMostCapacity);
  return plan;
}

SPANHEAP_AT_START bool PageSpace::Init(os::Memory& memory, const PageHeapOptions& options) {
  memory_ = &memory;
  arena_limit_ = ChunksIn(1_GiB);
  table_group_ = ChunksToFill(options.os_page, sizeof(*tables_.class_of));
  table_part_ = ChunksToFill(options.os_page, sizeof(*tables_.span_of));
  for (Plan plan = PlanFor(options); plan.first >= kChunkSize; plan = Smaller(plan)) {
    if (InitWith(plan)) return true;
  }
  return false;
}

// What to try when a plan was refused: half of it, but if that is not much, the smallest arena.
PageSpace::Plan PageSpace::Smaller(Plan plan) {
  const Bytes half(RoundDown(plan.first.value / 2, kChunkSize.value));
  const bool is_large = plan.first > kArenaAhead;
  plan.first = is_large && half < kLeastReserve ? kArenaAhead : half;
  const Bytes least = plan.first >= kLeastReserve ? kLeastCapacity : plan.first;
  plan.capacity = std::max(Bytes(plan.capacity.value / 2), least);
  return plan;
}

SPANHEAP_AT_START bool PageSpace::InitWith(Plan plan) {
  const Count first = ChunksIn(plan.first);
  // Chunk 0 in front, and some to leave unused between arenas.
  const Count most(ChunksIn(plan.capacity).value + first.value / 8 + 64);
  // Chunk 0's addresses count as linear, so nothing else may come to lie there: no later arena.
  const Count with_front = first + Count(1);
  const Layout layout(std::max(most, with_front));
  // The tables lie behind the pages: one reservation is a few system calls less than two. Where
  // address space is plenty it is aligned here: to look for an aligned place takes as many again.
  const bool is_plenty = plan.first >= kLeastReserve;
  const Bytes slack = is_plenty ? kChunkSize : Bytes(0);
  const Bytes whole = RoundUp(BytesOf(with_front) + layout.Total(), kChunkSize) + slack;
  const Address reserved =
      memory_->Reserve(whole, is_plenty ? Bytes(1) : kChunkSize, "spanheap pages");
  if (reserved.value == 0) return false;
  const Address front = RoundUp(reserved, kChunkSize);
  if (!PlaceTables(layout, front + BytesOf(with_front), with_front)) {
    memory_->Unreserve(reserved, whole);
    return false;
  }
  const Address start = front + kChunkSize;
  reserved_ += whole;
  is_sparse_ = plan.first < kLeastReserve;
  next_chunk_ = ChunkIndex(1);
  tables_.base = front;
  tables_.linear_bytes = BytesOf(with_front).value;
  linear_end_ = FirstPage(ChunkIndex(1) + first);
  SPANHEAP_CHECK(NoteArena(start, first));
  return true;
}

SPANHEAP_AT_START bool PageSpace::PlaceTables(const Layout& layout, Address base, Count linear) {
  // The inline lookup reads entries of pages that are not grown, too: as zero.
  const Bytes looked_up = RoundUp(Bytes(size_t{linear.value} * kChunkPages.value), kTableUnit);
  if (!memory_->MakeReady(base, layout.whole)) return false;
  if (!memory_->AllowReading(base + layout.whole, looked_up)) return false;
  capacity_ = ChunkIndex(layout.chunks.value);
  shape_ = layout.shape;
  whole_bytes_ = layout.whole;
  Address at = base;
  const auto carve = [&at](Bytes n) {
    const Address here = at;
    at += n;
    return here;
  };
  // First what every start writes an entry of: two tables begin within one page.
  by_address_ = PointerTo<Atomic<uint16_t>>(carve(Bytes(kMaxArenas * sizeof(Atomic<uint16_t>))));
  arenas_ = PointerTo<Arena>(carve(Bytes(kMaxArenas * sizeof(Arena))));
  range_storage_ = PointerTo<ChunkRange>(carve(Bytes(2 * kMaxRanges * sizeof(ChunkRange))));
  upper_ = PointerTo<RunSummary>(carve(Bytes(shape_.UpperEntries() * sizeof(RunSummary))));
  ready_ = PointerTo<Atomic<uint32_t>>(
      carve(Bytes(DivideUp(layout.chunks.value, 32) * sizeof(uint32_t))));
  advised_ = PointerTo<Atomic<uint32_t>>(
      carve(Bytes(DivideUp(layout.chunks.value, 32) * sizeof(uint32_t))));
  at = base + layout.whole;
  class_of_.Init(carve(layout.class_of), layout.class_of);
  span_of_.Init(carve(layout.span_of), layout.span_of);
  chunks_.Init(carve(layout.chunks_at), layout.chunks_at);
  leaves_.Init(carve(layout.leaves), layout.leaves);
  records_.Init(carve(layout.records), layout.records);
  tables_.class_of = class_of_.As<Atomic<uint8_t>>();
  tables_.span_of = span_of_.As<Atomic<uint32_t>>();
  room_ = ChunkRanges(range_storage_ + kMaxRanges, kMaxRanges);
  return true;
}

SPANHEAP_AT_START PageAllocatorTables PageSpace::AllocatorTables() const {
  PageAllocatorTables t;
  t.shape = shape_;
  t.chunks = chunks_.As<PageChunk>();
  t.upper = upper_;
  t.leaves = leaves_.As<RunSummary>();
  t.records = records_.As<ScavengeIndex::Record>();
  t.ranges = range_storage_;
  t.range_capacity = kMaxRanges;
  return t;
}

void PageSpace::ReleaseTables(ChunkRange r) const {
  const auto release = [&](Address table, size_t bytes_per_chunk) {
    memory_->Release(table + Bytes(size_t{r.begin.value} * bytes_per_chunk),
                     Bytes(size_t{r.size().value} * bytes_per_chunk));
  };
  if (r.size() >= table_group_) {
    release(spanheap::AddressOf(tables_.class_of), kChunkPages.value * sizeof(*tables_.class_of));
  }
  release(spanheap::AddressOf(tables_.span_of), kChunkPages.value * sizeof(*tables_.span_of));
}

SPANHEAP_AT_START Bytes PageSpace::table_bytes() const {
  return whole_bytes_ + class_of_.ready() + span_of_.ready() + chunks_.ready() + leaves_.ready() +
         records_.ready();
}

// ---- room and growth

ChunkRange PageSpace::RoomIn(ChunkRange range, Count count, Bytes alignment) const {
  const Address start = AddressOf(FirstPage(range.begin));
  const size_t skip = (RoundUp(start, alignment) - start).value >> kChunkShift;
  if (skip + count.value > range.size().value) return {};
  const ChunkIndex begin = range.begin + Count(static_cast<uint32_t>(skip));
  return {begin, begin + count};
}

ChunkRange PageSpace::FindRoom(Count count, Bytes alignment) {
  const Bytes aligned = std::max(alignment, kChunkSize);
  for (const ChunkRange& range : room_) {
    const ChunkRange found = RoomIn(range, count, aligned);
    if (found.size().value != 0) return found;
  }
  if (!AddArena(count, aligned)) return {};
  for (const ChunkRange& range : room_) {
    const ChunkRange found = RoomIn(range, count, aligned);
    if (found.size().value != 0) return found;
  }
  return {};
}

ChunkRange PageSpace::Widen(ChunkRange r, Count count) const {
  const ChunkRange room = room_.LastStartingAtOrBefore(r.begin);
  r.end = std::max(r.end, std::min(room.end, r.begin + count));
  return r;
}

bool PageSpace::CoverTables(ChunkRange r) {
  const auto cover = [&](SteppedTable& table, size_t bytes_per_chunk) {
    return table.Cover(*memory_, Bytes(r.begin.value * bytes_per_chunk),
                       Bytes(r.end.value * bytes_per_chunk));
  };
  return cover(class_of_, kChunkPages.value) &&
         cover(span_of_, kChunkPages.value * sizeof(uint32_t)) &&
         cover(chunks_, sizeof(PageChunk)) && cover(leaves_, sizeof(RunSummary)) &&
         cover(records_, sizeof(ScavengeIndex::Record));
}

bool PageSpace::MakeReady(ChunkRange r) {
  const Address start = AddressOf(FirstPage(r.begin));
  if (!CoverTables(r) || !room_.Remove(r)) return false;
  if (!memory_->MakeReady(start, BytesOf(r.size()))) {
    SPANHEAP_CHECK(room_.Add(r));
    return false;
  }
  for (ChunkIndex c = r.begin; c < r.end; ++c) {
    ready_[c.value / 32].FetchOr(uint32_t{1} << (c.value % 32));
  }
  return true;
}

bool PageSpace::MakeInaccessible(ChunkRange r) {
  if (!memory_->MakeInaccessible(AddressOf(FirstPage(r.begin)), BytesOf(r.size()))) return false;
  SetAdvised(r, false);  // a new mapping knows of none
  for (ChunkIndex c = r.begin; c < r.end; ++c) {
    ready_[c.value / 32].FetchAnd(~(uint32_t{1} << (c.value % 32)));
  }
  SPANHEAP_CHECK(room_.Add(r));
  return true;
}

// ---- huge pages

void PageSpace::SetAdvised(ChunkRange r, bool advised) {
  for (ChunkIndex c = r.begin; c < r.end; ++c) {
    const uint32_t bit = uint32_t{1} << (c.value % 32);
    if (advised) {
      advised_[c.value / 32].FetchOr(bit);
    } else {
      advised_[c.value / 32].FetchAnd(~bit);
    }
  }
}

ChunkRange PageSpace::AdvisedAround(ChunkIndex c) const {
  const ChunkIndex low(static_cast<uint32_t>(RoundDown(c.value, kAdviceChunks)));
  ChunkRange found{c, c + Count(1)};
  while (found.begin > low && IsAdvised(found.begin - Count(1))) found.begin -= Count(1);
  while (found.end < low + Count(kAdviceChunks) && IsAdvised(found.end)) ++found.end;
  return found;
}

ChunkIndex PageSpace::FirstAdvised(ChunkIndex c) const {
  for (; c < capacity_; c = ChunkIndex(static_cast<uint32_t>(RoundDown(c.value, 32) + 32))) {
    // Relaxed: the bits stand for themselves.
    const uint32_t rest = advised_[c.value / 32].LoadRelaxed() >> (c.value % 32);
    if (rest != 0) return c + Count(static_cast<uint32_t>(std::countr_zero(rest)));
  }
  return c;
}

// ---- arenas

Count PageSpace::ArenaSizeFor(Count chunks) const {
  const Count eighth(ChunksIn(reserved_).value / 8);
  const Count usual = std::min(std::max(ChunksIn(kArenaAhead), eighth), arena_limit_);
  return std::max(chunks, usual);
}

bool PageSpace::AddArena(Count chunks, Bytes alignment) {
  if (arena_count_.LoadAcquire() == kMaxArenas || room_.is_full()) return false;
  const uint32_t left = capacity_.value - next_chunk_.value;
  if (left < chunks.value + 1) return false;
  Count size = std::min(ArenaSizeFor(chunks), Count(left - 1));
  for (;;) {
    const Address start = memory_->Reserve(BytesOf(size), alignment, "spanheap pages");
    if (start.value != 0) {
      reserved_ += BytesOf(size);
      return NoteArena(start, size);
    }
    if (size == chunks) return false;
    size = std::max(chunks, Count(size.value / 2));
  }
}

// The next numbers go to [start, start + chunks), which is room from now on.
SPANHEAP_AT_START bool PageSpace::NoteArena(Address start, Count chunks) {
  const uint32_t count = arena_count_.LoadAcquire();
  if (count != 0) {
    // Relaxed: only this thread, under the growth lock, writes arenas.
    Arena& last = arenas_[count - 1];
    const Count size(last.chunks.LoadRelaxed());
    if (Address(last.start.LoadRelaxed()) + BytesOf(size) == start) {
      last.chunks.StoreRelease((size + chunks).value);
      const ChunkRange added{next_chunk_, next_chunk_ + chunks};
      next_chunk_ = added.end;
      return room_.Add(added);
    }
    ++next_chunk_;  // no run of pages may cross from the last arena to this one
  }
  InsertArena(count, start, chunks);
  const ChunkRange added{next_chunk_, next_chunk_ + chunks};
  next_chunk_ = added.end;
  return room_.Add(added);
}

SPANHEAP_AT_START void PageSpace::InsertArena(uint32_t count, Address start, Count chunks) {
  // Relaxed loads: only this thread, under the growth lock, writes.
  const uint32_t version = arena_version_.LoadRelaxed();
  arena_version_.StoreSequential(version + 1);
  arenas_[count].start.StoreRelease(start.value);
  arenas_[count].first_chunk.StoreRelease(next_chunk_.value);
  arenas_[count].chunks.StoreRelease(chunks.value);
  uint32_t at = count;
  for (; at > 0; --at) {
    const uint16_t below = by_address_[at - 1].LoadRelaxed();
    if (arenas_[below].start.LoadRelaxed() < start.value) break;
    by_address_[at].StoreRelease(below);
  }
  by_address_[at].StoreRelease(static_cast<uint16_t>(count));
  arena_count_.StoreRelease(count + 1);
  arena_version_.StoreRelease(version + 2);
}

Address PageSpace::AddressOfSlow(PageIndex p) const {
  const uint32_t chunk = ChunkOf(p).value;
  uint32_t low = 0;
  uint32_t high = arena_count_.LoadAcquire();
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    if (arenas_[middle].first_chunk.LoadAcquire() <= chunk) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const PageIndex first = FirstPage(ChunkIndex(arenas_[low].first_chunk.LoadAcquire()));
  return Address(arenas_[low].start.LoadAcquire()) + Bytes(size_t{(p - first).value} << kPageShift);
}

// The arena at or below `a` in memory, as page number of `a`; 0 if `a` lies in none.
PageIndex PageSpace::LookUp(Address a) const {
  uint32_t low = 0;
  uint32_t high = arena_count_.LoadAcquire();
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    const uint16_t arena = by_address_[middle].LoadAcquire();
    if (arenas_[arena].start.LoadAcquire() <= a.value) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const Arena& arena = arenas_[by_address_[low].LoadAcquire()];
  const Bytes offset(a.value - arena.start.LoadAcquire());
  if (offset >= BytesOf(Count(arena.chunks.LoadAcquire()))) return PageIndex();
  const PageIndex first = FirstPage(ChunkIndex(arena.first_chunk.LoadAcquire()));
  return first + Pages(static_cast<uint32_t>(offset.value >> kPageShift));
}

PageIndex PageSpace::IndexOfSlow(Address a) const {
  for (;;) {
    const uint32_t version = arena_version_.LoadSequential();
    const PageIndex found = LookUp(a);
    // Acquire loads before it: nothing that LookUp read is newer than this version.
    if (version % 2 == 0 && arena_version_.LoadSequential() == version) return found;
  }
}

bool PageSpace::Contains(Address a) const {
  if (arena_count_.LoadAcquire() == 0) return false;
  const uint32_t chunk = ChunkOf(IndexOf(a)).value;
  return (ready_[chunk / 32].LoadAcquire() >> (chunk % 32) & 1) != 0;
}

}  // namespace spanheap
