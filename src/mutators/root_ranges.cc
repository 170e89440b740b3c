// SPDX-License-Identifier: MIT
#include "mutators/root_ranges.h"

#include "base/bits.h"
#include "mutators/barrier.h"
#include "mutators/pieces.h"
#include "sync/stop_delay.h"

namespace spanheap {

template <class Wanted>
RootRanges::Place RootRanges::FindLocked(Wanted&& wanted) {
  for (Block* block = first_; block != nullptr; block = block->next) {
    for (size_t i = 0; i < Block::kRanges; ++i) {
      if (wanted(block->ranges[i])) return {block, i};
    }
  }
  return {nullptr, 0};
}

bool RootRanges::Add(uintptr_t low, uintptr_t high) {
  low = RoundUp(low, sizeof(uintptr_t));
  high = RoundDown(high, sizeof(uintptr_t));
  if (low == 0 || low >= high) return true;
  do {
    const StopDelay delay;
    MutexLock lock(mutex_);
    if (AddLocked(low, high)) return true;
  } while (Grow());
  return false;
}

bool RootRanges::AddLocked(uintptr_t low, uintptr_t high) {
  Block* block = first_;
  while (block != nullptr && block->used == Block::kRanges) block = block->next;
  if (block == nullptr) {
    if (spare_ == nullptr) return false;
    block = spare_;
    spare_ = block->next;
    block->next = first_;
    first_ = block;
  }
  size_t free = 0;
  while (block->ranges[free].low != 0) ++free;
  block->ranges[free] = {low, high, low};
  ++block->used;
  ++unscanned_;
  return true;
}

bool RootRanges::Grow() {
  auto* const blocks = NewPiece<Block>(kPiece, "spanheap-ranges");
  if (blocks == nullptr) return false;
  const StopDelay delay;
  MutexLock lock(mutex_);
  for (size_t i = 0; i < kPiece.value / sizeof(Block); ++i) {
    blocks[i].next = spare_;
    spare_ = &blocks[i];
  }
  return true;
}

bool RootRanges::Remove(uintptr_t low, uintptr_t high, Mutator* self) {
  low = RoundUp(low, sizeof(uintptr_t));
  high = RoundDown(high, sizeof(uintptr_t));
  if (low == 0 || low >= high) return true;
  const StopDelay delay;
  MutexLock lock(mutex_);
  const Place place =
      FindLocked([&](const Range& range) { return range.low == low && range.high == high; });
  if (place.block == nullptr) return false;
  Range& range = place.block->ranges[place.index];
  if (range.done != range.high) --unscanned_;
  if (self != nullptr && IsBarrierOn()) {
    WordRanges rest;
    rest.Add(range.done, range.high);
    ShadeByBarrier(*self, rest);
  }
  if (current_ == &range) current_ = nullptr;
  range = Range{};
  --place.block->used;
  return true;
}

void RootRanges::BeginEpoch() {
  const StopDelay delay;
  MutexLock lock(mutex_);
  current_ = nullptr;
  unscanned_ = 0;
  FindLocked([this](Range& range) NO_THREAD_SAFETY_ANALYSIS {
    range.done = range.low;
    if (range.low != 0) ++unscanned_;
    return false;
  });
}

bool RootRanges::ScanNext(ShadeWords shade, void* argument, uint64_t& bytes) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  if (unscanned_ == 0) return false;
  if (current_ == nullptr) {
    const Place place = FindLocked([](const Range& range) { return range.done != range.high; });
    current_ = &place.block->ranges[place.index];
  }
  Range& range = *current_;
  const uintptr_t end = range.high - range.done > kSlice ? range.done + kSlice : range.high;
  WordRanges words;
  words.Add(range.done, end);
  shade(words, argument);
  bytes += end - range.done;
  range.done = end;
  if (end == range.high) {
    --unscanned_;
    current_ = nullptr;
  }
  return true;
}

bool RootRanges::Holds(uintptr_t address) {
  const StopDelay delay;
  MutexLock lock(mutex_);
  return FindLocked([address](const Range& range) {
           return range.low <= address && address < range.high;
         }).block != nullptr;
}

}  // namespace spanheap
