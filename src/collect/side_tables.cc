// SPDX-License-Identifier: MIT
#include "collect/side_tables.h"

#include "layout/geometry.h"

namespace spanheap::collected {
namespace {

// Bytes per page of each table, in the order they lie in the reservation. The kind bytes come
// first: all of them may be read.
constexpr size_t kEntryBytes[] = {sizeof(uint8_t),   sizeof(uint8_t),        sizeof(uint32_t),
                                  sizeof(MarkBlock), sizeof(AllocatedBlock), sizeof(PointerBlock)};
constexpr Bytes kUnit = 64_KiB;

Bytes TableBytes(size_t pages, size_t entry) { return RoundUp(Bytes(pages * entry), kUnit); }

}  // namespace

// The lock is not needed yet: nobody else knows of the tables.
bool SideTables::Init(os::Memory& memory, size_t pages,
                      MemoryGauge& gauge) NO_THREAD_SAFETY_ANALYSIS {
  gauge_ = &gauge;
  const size_t chunks = DivideUp(pages, kChunkPages.value);
  const Bytes covered = RoundUp(Bytes(chunks), kUnit);
  Bytes total = covered;
  for (const size_t entry : kEntryBytes) total += TableBytes(pages, entry);
  const Address base = memory.Reserve(total, kUnit, "spanheap collected");
  if (base == Address()) return false;
  const Address tables = base + covered;
  if (!memory.MakeReady(base, covered) ||
      !memory.AllowReading(tables, TableBytes(pages, kEntryBytes[0]))) {
    memory.Unreserve(base, total);
    return false;
  }
  covered_ = PointerTo<Atomic<uint8_t>>(base);
  Address at = tables;
  for (unsigned t = 0; t < kTables; ++t) {
    tables_[t].Init(at, TableBytes(pages, kEntryBytes[t]));
    at += TableBytes(pages, kEntryBytes[t]);
  }
  memory_ = &memory;
  reserved_ = total;
  kind_of_ = tables_[0].As<Atomic<uint8_t>>();
  notes_ = tables_[1].As<Atomic<uint8_t>>();
  span_of_ = tables_[2].As<Atomic<uint32_t>>();
  marks_ = tables_[3].As<MarkBlock>();
  allocated_ = tables_[4].As<AllocatedBlock>();
  pointers_ = tables_[5].As<PointerBlock>();
  pages_ = pages;
  return true;
}

bool SideTables::CoverSlow(PageIndex first, Pages n, uint8_t needs) {
  MutexLock lock(mutex_);
  const uint32_t last = ChunkOf(first + Pages(n.value - 1)).value;
  for (uint32_t c = ChunkOf(first).value; c <= last; ++c) {
    if (covered_[c].LoadAcquire() == 0 && !MakeReadyLocked(c)) return false;
    ChargeLocked(c, needs);
  }
  return true;
}

bool SideTables::MakeReadyLocked(uint32_t chunk) {
  const size_t page = size_t{chunk} << kChunkPagesShift;
  for (unsigned t = 0; t < kTables; ++t) {
    const Bytes from(page * kEntryBytes[t]);
    const Bytes to((page + kChunkPages.value) * kEntryBytes[t]);
    if (!tables_[t].Cover(*memory_, from, to)) return false;
  }
  return true;
}

// Once for each need.
void SideTables::ChargeLocked(uint32_t chunk, uint8_t needs) {
  const uint8_t had = covered_[chunk].LoadAcquire();
  const auto news = static_cast<uint8_t>(needs & ~had);
  size_t bytes = (news & kReady) != 0 ? kBytesPerPage : 0;
  if ((news & kNeedsAllocated) != 0) bytes += sizeof(AllocatedBlock);
  if ((news & kNeedsPointers) != 0) bytes += sizeof(PointerBlock);
  const Bytes charge(kChunkPages.value * bytes);
  covered_[chunk].StoreRelease(static_cast<uint8_t>(had | news));
  if (chunk >= chunk_end_.LoadAcquire()) chunk_end_.StoreRelease(chunk + 1);
  used_.FetchAddRelaxed(charge.value);  // relaxed: a statistic
  gauge_->Charge(charge);
}

Bytes SideTables::used() const { return Bytes(used_.LoadRelaxed()); }  // relaxed: a statistic

}  // namespace spanheap::collected
