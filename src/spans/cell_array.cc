// SPDX-License-Identifier: MIT
#include "spans/cell_array.h"

#include <algorithm>
#include <bit>

#include "base/bits.h"
#include "base/check.h"
#include "base/platform.h"

namespace spanheap {
namespace {

// Bits at which an aligned row of 2^order clear bits begins.
uint64_t FreeRows(uint64_t used, unsigned order) {
  uint64_t rows = ~used;
  for (unsigned o = 0; o < order; ++o) rows &= rows >> (1U << o);
  return rows & (~uint64_t{0} / LowBits(1U << order));
}

}  // namespace

SPANHEAP_AT_START Bytes CellArray::SpaceFor(uint32_t capacity, Bytes cell) {
  const Bytes pages(capacity / kPageCells * sizeof(Page));
  return RoundUp(cell * RoundDown(capacity, kPageCells), kStep) + RoundUp(pages, kStep);
}

SPANHEAP_AT_START void CellArray::Init(os::Memory& memory, Address space, uint32_t capacity,
                                       Bytes cell, MemoryGauge* gauge) {
  memory_ = &memory;
  gauge_ = gauge;
  cell_ = cell;
  capacity_ = static_cast<uint32_t>(RoundDown(capacity, kPageCells));
  group_ = static_cast<uint32_t>(os::PageSize() / (cell * kPageCells));
  cells_ = space;
  reserved_ = SpaceFor(capacity, cell);
  far_ = PointerTo<Page>(space + RoundUp(cell * capacity_, kStep));
  MutexLock lock(mutex_);
  near_[0].used = 1;
  end_.StoreRelease(1);
}

// ---- taking and giving

uint32_t CellArray::Take(unsigned order) {
  for (;;) {
    const uint32_t ready = ready_.LoadAcquire();
    {
      MutexLock lock(mutex_);
      if (const uint32_t first = TakeLocked(order)) return first;
    }
    if (!GrowFrom(ready)) return 0;
  }
}

uint32_t CellArray::TakeLocked(unsigned order) {
  const uint32_t count = page_count();
  for (uint32_t& p = from_[order]; p < count; ++p) {
    Page& page = PageAt(p);
    const uint64_t rows = FreeRows(page.used, order);
    if (rows == 0) continue;
    const auto at = static_cast<unsigned>(std::countr_zero(rows));
    if (page.used == 0 && page.rest != Rest::kGivenBack) --resting_;
    page.used |= BitRange(at, 1U << order);
    page.rest = Rest::kNew;
    const uint32_t first = p * kPageCells + at;
    // Relaxed: written under this lock.
    end_.StoreRelease(std::max(end_.LoadRelaxed(), first + (1U << order)));
    return first;
  }
  return 0;
}

void CellArray::Give(uint32_t first, unsigned order) {
  MutexLock lock(mutex_);
  const uint32_t p = first / kPageCells;
  Page& page = PageAt(p);
  const uint64_t cells = BitRange(first % kPageCells, 1U << order);
  SPANHEAP_DCHECK((page.used & cells) == cells);
  page.used &= ~cells;
  if (page.used == 0) ++resting_;
  for (unsigned o = 0; o < kOrders; ++o) {
    if (p < from_[o] && FreeRows(page.used, o) != 0) from_[o] = p;
  }
}

// ---- growing

// False: refused, or full. True: there are more than `ready` cells now.
bool CellArray::GrowFrom(uint32_t ready) {
  MutexLock lock(growth_);
  if (ready_.LoadRelaxed() != ready) return true;  // relaxed: written under this lock
  const uint32_t step = std::min(capacity_ - ready, static_cast<uint32_t>(kStep / cell_));
  if (step == 0 || !MakePagesReady((ready + step) / kPageCells)) return false;
  const Bytes size = RoundUp(cell_ * step, os::PageSize());
  if (!memory_->MakeReady(cells_ + cell_ * ready, size)) return false;
  if (gauge_ != nullptr) gauge_->Charge(size);
  mapped_.FetchAddRelaxed(size.value);  // relaxed: a statistic
  ready_.StoreRelease(ready + step);
  return true;
}

// The words of that many pages.
bool CellArray::MakePagesReady(uint32_t pages) {
  if (pages <= kNear || Bytes((pages - kNear) * sizeof(Page)) <= far_ready_) return true;
  if (!memory_->MakeReady(AddressOf(far_) + far_ready_, kStep)) return false;
  if (gauge_ != nullptr) gauge_->Charge(kStep);
  mapped_.FetchAddRelaxed(kStep.value);  // relaxed: as above
  far_ready_ += kStep;
  return true;
}

// ---- giving back

bool CellArray::IsIdleLocked(uint32_t first) {
  bool any = false;
  bool all = true;
  for (uint32_t p = first; p < first + group_; ++p) {
    Page& page = PageAt(p);
    all = all && page.used == 0 && page.rest != Rest::kNew;
    any = any || page.rest == Rest::kSinceATick;
    if (page.used == 0 && page.rest == Rest::kNew) page.rest = Rest::kSinceATick;
  }
  return all && any;
}

// Takes the next row of idle pages out, from `next` on, which moves on.
CellArray::Row CellArray::ClaimIdleLocked(uint32_t& next) {
  const uint32_t end = std::min(page_count(), next + kScan);
  Row row;
  while (next + group_ <= end) {
    const uint32_t first = next;
    next += group_;  // each page is looked at once in a tick: looking makes it older
    if (!IsIdleLocked(first)) {
      if (row.begin != row.end) break;
      continue;
    }
    if (row.begin == row.end) row.begin = first;
    row.end = next;
    for (uint32_t p = first; p < next; ++p) {
      if (PageAt(p).rest == Rest::kSinceATick) --resting_;
      PageAt(p).used = ~uint64_t{0};
    }
  }
  if (next + group_ > page_count()) next = page_count();
  return row;
}

void CellArray::GiveBack(Row pages) {
  const Bytes page = cell_ * kPageCells;
  memory_->Release(cells_ + page * pages.begin, page * (pages.end - pages.begin));
  MutexLock lock(mutex_);
  for (uint32_t p = pages.begin; p < pages.end; ++p) PageAt(p) = Page{};
  for (uint32_t& from : from_) from = std::min(from, pages.begin);
}

void CellArray::GiveBackIdle() {
  for (uint32_t next = 0; next < page_count();) {
    Row row;
    {
      MutexLock lock(mutex_);
      if (resting_ == 0) return;
      row = ClaimIdleLocked(next);
    }
    if (row.begin != row.end) GiveBack(row);
  }
}

void CellArray::ResetInChild() {
  growth_.ResetInChild();
  mutex_.ResetInChild();
}

}  // namespace spanheap
