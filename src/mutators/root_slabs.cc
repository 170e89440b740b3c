// SPDX-License-Identifier: MIT
#include "mutators/root_slabs.h"

#include <bit>

#include "base/bits.h"
#include "base/check.h"
#include "base/fatal.h"
#include "mutators/pieces.h"
#include "sync/stop_delay.h"

namespace spanheap {

RootPage* RootSlabs::PageOf(void** slot) {
  return PointerTo<RootPage>(RoundDown(AddressOf(slot), Bytes(RootPage::kBytes)));
}

void** RootSlabs::Take() {
  do {
    const StopDelay delay;
    MutexLock lock(mutex_);
    if (void** slot = TakeLocked()) return slot;
  } while (Grow());
  return nullptr;
}

void** RootSlabs::TakeLocked() {
  RootPage* const page = with_free_;
  if (page == nullptr) return nullptr;
  unsigned slab = 0;
  while (page->free[slab] == 0) ++slab;
  const auto bit = static_cast<unsigned>(std::countr_zero(page->free[slab]));
  page->free[slab] &= page->free[slab] - 1;
  if (++page->used == RootPage::kSlots) {
    with_free_ = page->next_with_free;
    page->is_listed = false;
  }
  used_.AddOwned(1);  // under the lock
  return reinterpret_cast<void**>(&page->slots[slab * 64 + bit]);
}

void RootSlabs::Put(void** slot) {
  RootPage* const page = PageOf(slot);
  const auto index = static_cast<size_t>(reinterpret_cast<Atomic<void*>*>(slot) - page->slots);
  SPANHEAP_CHECK(index < RootPage::kSlots);
  // Relaxed: the caller's own store.
  SPANHEAP_DCHECK(page->slots[index].LoadRelaxed() == nullptr);
  const StopDelay delay;
  MutexLock lock(mutex_);
  const uint64_t bit = uint64_t{1} << (index % 64);
  if ((page->free[index / 64] & bit) != 0) FatalNoSuchRoot("sh_gc_root_free", AddressOf(slot));
  page->free[index / 64] |= bit;
  --page->used;
  used_.AddOwned(static_cast<size_t>(-1));
  if (page->is_listed) return;
  page->is_listed = true;
  page->next_with_free = with_free_;
  with_free_ = page;
}

// Without the lock: it is a system call. Two threads may both grow; no page is lost.
bool RootSlabs::Grow() {
  auto* const pages = NewPiece<RootPage>(kPiece, "spanheap-roots");
  if (pages == nullptr) return false;
  const StopDelay delay;
  MutexLock lock(mutex_);
  for (size_t i = 0; i < kPiece.value / RootPage::kBytes; ++i) AddLocked(pages + i);
  return true;
}

void RootSlabs::AddLocked(RootPage* page) {
  for (uint64_t& free : page->free) free = ~uint64_t{0};
  page->is_listed = true;
  page->next_with_free = with_free_;
  with_free_ = page;
  page->next = first_.LoadAcquire();
  first_.StoreRelease(page);
  page_count_.AddOwned(1);
}

bool RootSlabs::Holds(uintptr_t address) const {
  bool is_slot = false;
  ForEachPage([&](const RootPage& page) {
    is_slot |= address - reinterpret_cast<uintptr_t>(page.slots) < sizeof page.slots;
  });
  return is_slot;
}

void RootSlabs::Verify() {
  const StopDelay delay;
  MutexLock lock(mutex_);
  size_t used = 0;
  for (RootPage* page = first_.LoadAcquire(); page != nullptr; page = page->next) {
    uint32_t free = 0;
    for (unsigned i = 0; i < RootPage::kSlots; ++i) {
      if (((page->free[i / 64] >> (i % 64)) & 1) == 0) continue;
      SPANHEAP_CHECK(page->slots[i].LoadAcquire() == nullptr);
      ++free;
    }
    SPANHEAP_CHECK(free + page->used == RootPage::kSlots);
    SPANHEAP_CHECK(page->is_listed == (free != 0));
    used += page->used;
  }
  SPANHEAP_CHECK(used == used_.LoadAcquire());
}

}  // namespace spanheap
