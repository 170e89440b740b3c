// SPDX-License-Identifier: MIT
//
// PageSpace: which addresses the heap's pages have, and the tables that stand beside them.
//
// Idea.       A page's number is an index into every table. Linear mode: one large reservation, the
//             number is the distance from its base. Sparse mode, where such a reservation is
//             refused or would eat a limited address space: arenas are reserved as they are needed
//             and numbered as they come; arenas that are not neighbours in memory have a chunk
//             between them that is never used, so that no run of pages crosses a gap.
// Picture.    number   0        512                                   capacity * 512
//             linear   | never  | pages made ready ... | reserved ...   |
//             sparse   | never  | arena A | never | arena B | arena C (follows B in memory) | ...
//             tables   class_of[number] span_of[number] chunk[number / 512] summary levels, ...
// Invariants. Chunk 0 holds no page, so page number 0 is no page. `room_` holds exactly the chunks
//             that are reserved and not ready. A ready chunk's table parts are ready.
// Threads.    Changes under the growth lock of PageHeap. Conversions and Contains by anyone, any
//             time: arenas are published through a sequence counter.
// Fails.      false / empty run when the OS refuses; what was made ready before stays usable.
// Cost.       Linear: one subtraction and one shift. Sparse: first arena the same, others a binary
//             search.
// Go.         2.5 of old: one linear arena; new: malloc.go's arena hints and mheap.arenas.
// Tests.      tests/pages/page_space_test.cc, on a fake OS that refuses.
#pragma once

#include "base/atomic.h"
#include "base/platform.h"
#include "base/units.h"
#include "layout/geometry.h"
#include "os/limits.h"
#include "os/memory.h"
#include "pages/chunk_ranges.h"
#include "pages/page_allocator.h"
#include "pages/stepped_table.h"

namespace spanheap {

// What free's fast path reads, in one cache line. Constant after start-up.
struct alignas(kCacheLine) PageTables {
  // Page number of address p: (p - base) / 8 KiB, right for all p in [base, base + linear_bytes).
  Address base;
  size_t linear_bytes = 0;
  // By page number; zero where nothing is. class_of: malloc class of the block that starts there
  // or of the span the page belongs to, 0 = anything unusual. span_of: span record, 0 = none; with
  // the highest bit, what is left of one (spans/former_block.h).
  // class_of may be read for every address in the linear range, span_of where Contains is true.
  Atomic<uint8_t>* class_of = nullptr;
  Atomic<uint32_t>* span_of = nullptr;
};

class HugePages;

struct PageHeapOptions {
  Bytes reserve;        // address space to reserve; 0: by the limits
  bool sparse = false;  // arenas on demand even if a reservation would be granted
  os::MemoryLimits limits{os::kUnlimited, os::kUnlimited, os::kUnlimited};
  bool (*is_overcommit_strict)() = nullptr;  // asked by heaps that are not small; null: it is not
  Bytes os_page{4096};
  Bytes huge_page{0};               // 0: none usable
  HugePages* huge_pages = nullptr;  // who asks the OS for them; null: nobody does
};

class PageSpace {
 public:
  constexpr PageSpace() = default;

  // Reserves address space and tables by the options. False: the OS gave too little.
  bool Init(os::Memory& memory, const PageHeapOptions& options);

  // A range of `count` chunks that may be grown, its address a multiple of `alignment`; the lowest
  // one. In sparse mode reserves an arena when there is none. Empty range: refused.
  ChunkRange FindRoom(Count count, Bytes alignment);
  // True if exactly these chunks may be grown.
  bool HasRoom(ChunkRange r) const { return room_.Covers(r); }
  // r and as many chunks above it as may be grown too, at most `count` in all.
  ChunkRange Widen(ChunkRange r, Count count) const;
  // Makes pages and table parts of a range that has room ready. False: nothing has changed, but
  // that table parts may be ready.
  bool MakeReady(ChunkRange r);
  // Whether huge pages were asked for in a ready chunk, and not taken back since. Any thread.
  bool IsAdvised(ChunkIndex c) const {
    return (advised_[c.value / 32].LoadRelaxed() >> (c.value % 32) & 1) != 0;
  }
  void SetAdvised(ChunkRange r, bool advised);
  // c and its advised neighbours in its aligned 32 MiB: what to take advice back from at once.
  ChunkRange AdvisedAround(ChunkIndex c) const;
  // The lowest advised chunk >= c; capacity() or more if there is none.
  ChunkIndex FirstAdvised(ChunkIndex c) const;
  // Gives a range back that was made ready, as room. False: refused, nothing has changed.
  bool MakeInaccessible(ChunkRange r);

  // The number of chunks, a power of two, whose entries in each table by page number fill whole OS
  // pages; and the number whose entries in the larger one, of span numbers, do.
  Count table_group() const { return table_group_; }
  Count table_part() const { return table_part_; }
  // Gives the entries of such chunks, aligned, back to the OS, of a part those in the larger table:
  // they speak of nothing that is there, and are zero from then on.
  void ReleaseTables(ChunkRange r) const;

  const PageTables& tables() const { return tables_; }
  PageAllocatorTables AllocatorTables() const;

  // Any page of the heap.
  Address AddressOf(PageIndex p) const {
    if (p.value < linear_end_.value) [[likely]] {
      return tables_.base + Bytes(size_t{p.value} << kPageShift);
    }
    return AddressOfSlow(p);
  }
  // The address is known to lie in the heap's address range.
  PageIndex IndexOf(Address a) const {
    const size_t offset = a.value - tables_.base.value;
    if (offset < tables_.linear_bytes) [[likely]] {
      return PageIndex(static_cast<uint32_t>(offset >> kPageShift));
    }
    return IndexOfSlow(a);
  }
  // True if a lies in a page that was made ready.
  bool Contains(Address a) const;
  // One past the highest chunk number that will ever exist.
  ChunkIndex capacity() const { return capacity_; }
  bool is_sparse() const { return is_sparse_; }
  bool has_one_arena() const { return arena_count_.LoadAcquire() == 1; }
  // Address space held, and table parts made ready.
  Bytes reserved() const { return reserved_; }
  Bytes table_bytes() const;

 private:
  friend struct RootRecord;  // its layout is described to tools
  // Arenas in the order they came, so by page number, too. Neighbours in both are one entry.
  struct Arena {
    Atomic<uintptr_t> start;
    Atomic<uint32_t> first_chunk;
    Atomic<uint32_t> chunks;
  };
  static constexpr size_t kMaxArenas = 1024;
  static constexpr size_t kMaxRanges = 4096;
  struct Layout;  // of the tables, one behind the other behind the first arena
  struct Plan {
    Bytes first;     // the first arena
    Bytes capacity;  // of all arenas
  };

  Plan PlanFor(const PageHeapOptions& options);
  static Plan Smaller(Plan plan);
  bool InitWith(Plan plan);
  bool PlaceTables(const Layout& layout, Address base, Count linear);
  bool CoverTables(ChunkRange r);
  ChunkRange RoomIn(ChunkRange range, Count count, Bytes alignment) const;
  bool AddArena(Count chunks, Bytes alignment);
  bool NoteArena(Address start, Count chunks);
  void InsertArena(uint32_t count, Address start, Count chunks);
  Count ArenaSizeFor(Count chunks) const;
  Address AddressOfSlow(PageIndex p) const;
  PageIndex IndexOfSlow(Address a) const;
  PageIndex LookUp(Address a) const;

  os::Memory* memory_ = nullptr;  // const after Init, down to is_sparse_
  PageTables tables_;
  PageIndex linear_end_;  // below it, page number and address are a constant apart
  ChunkIndex capacity_;
  SummaryShape shape_;
  Count table_group_;
  Count table_part_;
  Count arena_limit_;  // the most to reserve ahead of use in one arena
  bool is_sparse_ = false;

  ChunkIndex next_chunk_;  // growth lock, down to records_: the next arena's first number
  Bytes reserved_;
  ChunkRanges room_;
  SteppedTable class_of_;
  SteppedTable span_of_;
  SteppedTable chunks_;
  SteppedTable leaves_;
  SteppedTable records_;

  Bytes whole_bytes_;                    // the tables below are ready as a whole
  RunSummary* upper_ = nullptr;          // heap lock (the allocator's)
  ChunkRange* range_storage_ = nullptr;  // the allocator's, then room_'s
  Atomic<uint32_t>* ready_ = nullptr;  // a bit per chunk: made ready; changed under the growth lock
  Atomic<uint32_t>* advised_ = nullptr;  // a bit per chunk: huge pages were asked for
  // Arenas in the order they came, and their numbers sorted by address. Changed under the growth
  // lock; arena_version_ is odd meanwhile.
  Arena* arenas_ = nullptr;
  Atomic<uint16_t>* by_address_ = nullptr;
  Atomic<uint32_t> arena_version_;
  Atomic<uint32_t> arena_count_;
};

}  // namespace spanheap
