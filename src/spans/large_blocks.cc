// SPDX-License-Identifier: MIT
#include "spans/large_blocks.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bits.h"
#include "base/check.h"
#include "base/platform.h"
#include "layout/geometry.h"
#include "os/limits.h"

namespace spanheap {

SPANHEAP_AT_START void LargeBlocks::Init(os::Memory& memory, MetadataArena& metadata,
                                         MemoryGauge* gauge, HugePages* huge_pages) {
  huge_pages_ = huge_pages;
  memory_ = &memory;
  gauge_ = gauge;
  metadata_ = &metadata;
}

Bytes LargeBlocks::WindowFor(Bytes ready) const {
  constexpr Bytes kSmallest = 64_MiB;
  if (!has_head_room_) return ready;
  // Beyond a terabyte head-room is no use and address space is.
  if (ready > 1024_GiB) return RoundUp(ready, kWindowAlignment);
  return ready < kSmallest ? kSmallest : Bytes(std::bit_ceil(ready.value));
}

BlockFacts LargeBlocks::FactsOf(const Window& window) {
  return {window.ready, window.start, PagesFor(window.ready)};
}

void* LargeBlocks::Allocate(Bytes size, Bytes alignment) {
  const Bytes ready = RoundUp(size, os::PageSize());
  if (IsTooMuch(ready) || !TryCharge(ready)) return nullptr;
  void* block = AllocateCharged(size, ready, alignment);
  if (block == nullptr) Uncharge(ready);
  return block;
}

// ---- huge pages

bool LargeBlocks::IsNextHuge(Bytes ready) {
  if (huge_pages_ == nullptr || huge_pages_->Unit().value == 0) return false;
  if (huge_pages_->mode() == HugePageMode::kEager) return true;
  return huge_pages_->mode() == HugePageMode::kAuto && density_.IsNextDense() &&
         huge_pages_->MayAdvise(ready);
}

// The whole window, so that it stays one mapping as its block grows. The block holds content in its
// first `touched` bytes.
void LargeBlocks::Advise(Window& window, bool huge, Bytes touched) {
  if (huge_pages_ == nullptr) return;
  if (!huge) return huge_pages_->LeaveOrdinary(window.start, window.reserved);
  const Bytes unit = huge_pages_->Unit();
  const Address fresh = RoundUp(window.start + touched, unit);
  const bool can_try = fresh + unit * 2 <= window.start + window.ready;
  window.is_huge = huge_pages_->Advise(window.start, window.reserved, can_try ? fresh : Address());
}

void LargeBlocks::NoteDensity(const Window& window) {
  if (huge_pages_ == nullptr || huge_pages_->mode() != HugePageMode::kAuto) return;
  density_.Note(*memory_, window.start, window.ready, window.is_huge);
}

// ---- blocks

// What is reserved is not charged for, so the kernel refuses no size; libc's malloc does, and
// programs rely on it: better a null than the out-of-memory killer.
bool LargeBlocks::IsTooMuch(Bytes size) {
  constexpr Bytes kLeast = 256_MiB;  // not worth a system call below
  return size > kLeast && os::IsObviousOvercommit(size);
}

void* LargeBlocks::AllocateCharged(Bytes size, Bytes ready, Bytes alignment) {
  Window window{Address(), WindowFor(ready), ready, size, false};
  const Bytes aligned = std::max(alignment, LeastAlignment());
  window.start = memory_->Reserve(window.reserved, aligned, "spanheap-large");
  if (window.start == Address()) {  // less head-room, then
    window.reserved = RoundUp(ready, LeastAlignment());
    window.start = memory_->Reserve(window.reserved, aligned, "spanheap-large");
    if (window.start == Address()) return nullptr;
  }
  if (memory_->MakeReady(window.start, ready)) {
    Advise(window, IsNextHuge(ready), Bytes(0));
    if (Insert(window)) return PointerTo(window.start);
  }
  memory_->Unreserve(window.start, window.reserved);
  return nullptr;
}

bool LargeBlocks::Insert(const Window& window) {
  while (true) {
    uint32_t wanted;
    {
      MutexLock lock(mutex_);
      if (InsertLocked(window)) return true;
      wanted = capacity_ == 0 ? 64 : capacity_ * 2;
    }
    if (wanted > kMaxBlocks) return false;
    // The table doubles; the old one is left behind, all of them together no larger than the new.
    auto* table = static_cast<Window*>(
        metadata_->Allocate(Bytes(wanted * sizeof(Window)), Bytes(alignof(Window))));
    if (table == nullptr) return false;
    MutexLock lock(mutex_);
    if (wanted <= capacity_) continue;
    if (count_ > 0) memcpy(static_cast<void*>(table), windows_, count_ * sizeof(Window));
    windows_ = table;
    capacity_ = wanted;
  }
}

uint32_t LargeBlocks::LowerBoundLocked(Address p) const {
  uint32_t low = 0;
  for (uint32_t high = count_; low < high;) {
    const uint32_t middle = (low + high) / 2;
    if (windows_[middle].start <= p) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;  // the first window that starts above p
}

bool LargeBlocks::FindLocked(Address start, uint32_t& at) const {
  const uint32_t above = LowerBoundLocked(start);
  at = above - 1;
  return above > 0 && windows_[at].start == start;
}

bool LargeBlocks::InsertLocked(const Window& window) {
  if (count_ == capacity_) return false;
  const uint32_t at = LowerBoundLocked(window.start);
  memmove(static_cast<void*>(windows_ + at + 1), windows_ + at, (count_ - at) * sizeof(Window));
  windows_[at] = window;
  ++count_;
  start_bits_.StoreRelaxed(start_bits_.LoadRelaxed() | window.start.value);  // relaxed: see its use
  live_bytes_.FetchAddRelaxed(window.ready.value);                           // relaxed: statistics
  waste_.FetchAddRelaxed((window.ready - window.asked).value);
  reserved_.FetchAddRelaxed(window.reserved.value);
  return true;
}

LargeBlocks::Window LargeBlocks::RemoveLocked(uint32_t at) {
  const Window window = windows_[at];
  --count_;
  memmove(static_cast<void*>(windows_ + at), windows_ + at + 1, (count_ - at) * sizeof(Window));
  live_bytes_.FetchSubRelaxed(window.ready.value);  // relaxed: statistics
  waste_.FetchSubRelaxed((window.ready - window.asked).value);
  reserved_.FetchSubRelaxed(window.reserved.value);
  return window;
}

Bytes LargeBlocks::SizeAt(Address p) const {
  MutexLock lock(mutex_);
  uint32_t at;
  return FindLocked(p, at) ? windows_[at].ready : Bytes(0);
}

bool LargeBlocks::Contains(Address p) const {
  MutexLock lock(mutex_);
  const uint32_t above = LowerBoundLocked(p);
  return above > 0 && p < windows_[above - 1].start + windows_[above - 1].reserved;
}

BlockFacts LargeBlocks::FactsOf(Address p) const {
  MutexLock lock(mutex_);
  const uint32_t above = LowerBoundLocked(p);
  if (above == 0) return {};
  const Window& window = windows_[above - 1];
  return p < window.start + window.reserved ? FactsOf(window) : BlockFacts{};
}

bool LargeBlocks::FindFormer(Address p, BlockFacts& facts) const {
  MutexLock lock(mutex_);
  for (uint32_t back = 1; back <= kFormer && p != Address(); ++back) {
    const Window& window = former_[(next_former_ - back) % kFormer];
    if (window.start != p) continue;
    facts = FactsOf(window);
    return true;
  }
  return false;
}

bool LargeBlocks::Find(Address start, Window& window) const {
  MutexLock lock(mutex_);
  uint32_t at;
  if (!FindLocked(start, at)) return false;
  window = windows_[at];
  return true;
}

// The entry stays while system calls change its window: only the block's owner may name it.
void* LargeBlocks::Resize(void* block, Bytes size) {
  Window old;
  if (!Find(AddressOf(block), old)) return nullptr;
  Window window = old;
  if (!ResizeWindow(window, RoundUp(size, os::PageSize()))) return nullptr;
  window.asked = size;
  {
    MutexLock lock(mutex_);
    uint32_t at;
    SPANHEAP_CHECK(FindLocked(old.start, at));
    RemoveLocked(at);
    SPANHEAP_CHECK(InsertLocked(window));  // there is room: one entry has just gone
    if (window.start != old.start) former_[next_former_++ % kFormer] = old;
  }
  if (window.start != old.start) memory_->Unreserve(old.start, old.reserved);
  return PointerTo(window.start);
}

bool LargeBlocks::ResizeWindow(Window& window, Bytes ready) {
  const Bytes before = window.ready;
  if (ready > before && (IsTooMuch(ready) || !TryCharge(ready - before))) return false;
  const bool is_resized = ResizeCharged(window, ready);
  if (!is_resized && ready > before) Uncharge(ready - before);
  if (window.ready < before) Uncharge(before - window.ready);
  return is_resized;
}

bool LargeBlocks::ResizeCharged(Window& window, Bytes ready) {
  if (ready <= window.ready) {
    if (ready < window.ready &&
        memory_->MakeInaccessible(window.start + ready, window.ready - ready)) {
      window.ready = ready;
    }
    return true;
  }
  if (ready <= window.reserved) {
    if (!memory_->MakeReady(window.start + window.ready, ready - window.ready)) return false;
    window.ready = ready;
    return true;
  }
  Window larger{Address(), WindowFor(ready), ready, window.asked, false};
  NoteDensity(window);
  larger.start = memory_->Reserve(larger.reserved, LeastAlignment(), "spanheap-large");
  if (larger.start == Address()) return false;
  if (memory_->Resize(window.start, window.ready, ready, larger.start) == Address()) {
    memory_->Unreserve(larger.start, larger.reserved);
    return false;
  }
  Advise(larger, window.is_huge || IsNextHuge(ready), window.ready);
  window = larger;
  return true;
}

bool LargeBlocks::Free(void* block) {
  Window window;
  {
    MutexLock lock(mutex_);
    uint32_t at;
    if (!FindLocked(AddressOf(block), at)) return false;
    window = RemoveLocked(at);
    former_[next_former_++ % kFormer] = window;
  }
  NoteDensity(window);
  memory_->Unreserve(window.start, window.reserved);
  Uncharge(window.ready);
  return true;
}

uint64_t LargeBlocks::live_count() const {
  MutexLock lock(mutex_);
  return count_;
}

}  // namespace spanheap
