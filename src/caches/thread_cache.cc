// SPDX-License-Identifier: MIT
#include "caches/thread_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/platform.h"

namespace spanheap {
namespace {

bool IsTabled(unsigned c) { return BlockBytes(c) <= kMaxTabledBytes; }

// Whether a block lies on a line of its neighbour. One that comes to a closed bin is mostly another
// thread's, which may use the neighbour: kept and handed out here, it would make both write to one
// line for as long as it is hot. So that block goes back to its span.
bool SharesLines(unsigned c) { return BlockBytes(c) % kCacheLine != 0; }

}  // namespace

uint32_t ThreadCache::BatchOf(unsigned c) const {
  return std::min((block_.classes[c].capacity + 1) / 2, SpanHeap::kMaxBatch);
}

SPANHEAP_AT_START void ThreadCache::Begin() {
  block_.next_to_shrink = block_.next_to_yield = 1;
  if (block_.classes[1].bottom != nullptr) return;                     // End left it as it was
  block_.bins.tops[0].StoreRelaxed(kEmptyBins.tops[0].LoadRelaxed());  // relaxed: not shared yet
  block_.bins.limits[0] = kEmptyBins.limits[0];
  for (unsigned c = 1; c < kMallocClassCount; ++c) CloseBin(c);
}

void ThreadCache::End() {
  block_.ForEachUsed([this](unsigned c) {
    const uint32_t depth = block_.depth(c);
    if (depth > 0) ShedOldest(c, depth, "free");
    LetSpanGo(c);
    CloseBin(c);
  });
  block_.kept_bytes = 0;
  NoteKept();
  heap_.pages().Flush(block_.page_cache);
  if (block_.has_share) share_.Leave();
  block_.has_share = false;
}

void ThreadCache::NoteKept() {
  if (block_.kept_bytes == block_.noted_bytes) return;
  share_.Note(block_.kept_bytes - block_.noted_bytes);
  block_.noted_bytes = block_.kept_bytes;
}

// At the first refill or flush: until then the thread keeps runs of others at most.
void ThreadCache::Join() {
  if (block_.has_share) [[likely]]
    return;
  share_.Join();
  block_.has_share = true;
}

// Malloc reads the bottom of a closed bin: that is a constant, so that the stack takes no memory.
void ThreadCache::CloseBin(unsigned c) {
  ClassState& state = block_.classes[c];
  state.bottom = IsTabled(c) ? kEmptyBins.limits[c] : block_.first_stack(c);
  NoteCapacity(c, 0);
  state.cursor = 0;
  block_.passed_classes[c / 64] &= ~(uint64_t{1} << (c % 64));
  MoveTop(c, state.bottom);
  block_.bins.limits[c] = state.bottom;
}

// The first use of a bin gives it room. False: it has some already, or is not to have any: a run
// that is most of what this thread may keep is not for it alone.
bool ThreadCache::TryOpenBin(unsigned c) {
  ClassState& state = block_.classes[c];
  if (state.capacity != 0 || FirstCapacity(c) == 0) return false;
  if (IsRunClass(c) && kBinsInShare * BlockBytes(c) > share_.bytes()) return false;
  block_.NoteUsed(c);
  state.bottom = block_.first_stack(c);
  NoteCapacity(c, FirstCapacity(c));
  MoveTop(c, state.bottom);
  block_.bins.limits[c] = state.bottom + state.capacity;
  return true;
}

bool ThreadCache::TryTakeSpan(unsigned c) {
  block_.spans[c] = heap_.TakeSpan(c, block_.page_cache);
  if (block_.spans[c] == nullptr) return false;
  block_.classes[c].cursor = 0;
  block_.kept_bytes += BytesOf(RunPages(c)).value;
  return true;
}

void ThreadCache::LetSpanGo(unsigned c) {
  if (!IsSmallClass(c)) return;
  Span* const span = block_.spans[c];
  if (span == nullptr) return;
  block_.spans[c] = nullptr;
  block_.kept_bytes -= BytesOf(RunPages(c)).value;
  heap_.DropSpan(*span, block_.page_cache);
}

void ThreadCache::NoteTaken(unsigned c, uint32_t n) {
  block_.NoteUsed(c);
  block_.classes[c].taken.AddOwned(n);
}

void ThreadCache::NoteReturned(unsigned c, uint32_t n) {
  block_.NoteUsed(c);
  block_.classes[c].returned.AddOwned(n);
}

void ThreadCache::NoteCapacity(unsigned c, uint32_t capacity) {
  // Sums wrap round.
  const size_t more = (size_t{capacity} - block_.classes[c].capacity) * BlockBytes(c);
  if (IsSmallClass(c)) block_.small_bytes += more;
  block_.kept_bytes += more;
  block_.classes[c].capacity = capacity;
}

void ThreadCache::SetCapacity(unsigned c, uint32_t capacity) {
  NoteCapacity(c, capacity);
  if (capacity > FirstRoom(c)) MoveToFullStack(c);
  block_.bins.limits[c] = block_.bottom(c) + capacity;
}

void ThreadCache::MoveToFullStack(unsigned c) {
  void** full = block_.full_stack(c);
  if (block_.bottom(c) == full) return;
  const uint32_t depth = block_.depth(c);
  memcpy(full + 1, block_.bottom(c) + 1, depth * sizeof(void*));
  block_.classes[c].bottom = full;
  MoveTop(c, full + depth);
}

// At the thread's bound another bin has to shrink for it, and moves its blocks: where all are as
// busy as this one that comes to nothing, so most visits leave it.
bool ThreadCache::TryGrow(unsigned c) {
  const uint32_t capacity = block_.classes[c].capacity;
  const uint32_t most = kMaxCapacities[c];
  if (capacity == 0 || capacity >= most) return false;
  const uint32_t more = std::min(capacity * 2, most);
  if (kBinsInShare * more * BlockBytes(c) > share_.bytes()) return false;
  const bool is_crowded =
      block_.small_bytes + (more - capacity) * BlockBytes(c) > kMaxSmallBytes && IsSmallClass(c);
  if (is_crowded && ++block_.crowded_visits % kCrowdedVisits != 0) return false;
  SetCapacity(c, more);
  if (block_.small_bytes > kMaxSmallBytes) ShrinkAnother(c);
  return true;
}

// A full or closed bin has room for a block. False: it is not to have any.
bool ThreadCache::TryMakeRoom(unsigned c, const char* call) {
  if (TryOpenBin(c) || TryGrow(c)) return true;
  const uint32_t capacity = block_.classes[c].capacity;
  if (capacity == 0) return false;
  ShedOldest(c, (capacity + 1) / 2, call);
  return true;
}

// Halves the next bins in turn until the thread is within its bound again, or all are small.
void ThreadCache::ShrinkAnother(unsigned c) {
  for (unsigned tries = 0; tries < kSmallClasses; ++tries) {
    const unsigned victim = block_.next_to_shrink;
    block_.next_to_shrink = victim == kSmallClasses ? 1 : victim + 1;
    const uint32_t capacity = block_.classes[victim].capacity;
    if (victim == c || capacity <= FirstCapacity(victim)) continue;
    ShrinkTo(victim, std::max(capacity / 2, FirstCapacity(victim)));
    if (block_.small_bytes <= kMaxSmallBytes) return;
  }
}

void ThreadCache::ShrinkTo(unsigned c, uint32_t capacity) {
  const uint32_t depth = block_.depth(c);
  if (depth > capacity) ShedOldest(c, depth - capacity, "free");
  SetCapacity(c, capacity);
}

// The others yield in turn until the thread keeps a quarter less than its share; if that is not
// enough, `c`, which is in use, does.
void ThreadCache::KeepToShareSlow(unsigned c) {
  share_.Update();
  const uint64_t most = share_.bytes();
  if (block_.kept_bytes <= most) return;
  const uint64_t enough = most - most / 4;
  for (unsigned tries = 1; tries < kMallocClassCount && block_.kept_bytes > enough; ++tries) {
    const unsigned victim = block_.next_to_yield;
    block_.next_to_yield = victim + 1 == kMallocClassCount ? 1 : victim + 1;
    if (victim == c || !block_.IsUsed(victim)) continue;
    LetSpanGo(victim);
    Yield(victim);
  }
  if (block_.kept_bytes > most) LetSpanGo(c);
  const uint32_t capacity = block_.classes[c].capacity;
  if (block_.kept_bytes > most && capacity > FirstCapacity(c)) {
    ShrinkTo(c, std::max(capacity / 2, FirstCapacity(c)));
  }
  NoteKept();
}

// Half of what the class keeps goes; of a bin that is as small as it began, all.
void ThreadCache::Yield(unsigned c) {
  if (!IsTabled(c)) {
    const uint32_t n = (block_.depth(c) + 1) / 2;
    if (n == 0) return;
    FlushOldest(c, n, "free");
    return NoteHeldGone(c, n);
  }
  const uint32_t capacity = block_.classes[c].capacity;
  if (capacity > FirstCapacity(c)) return ShrinkTo(c, std::max(capacity / 2, FirstCapacity(c)));
  if (capacity == 0) return;
  if (const uint32_t depth = block_.depth(c)) ShedOldest(c, depth, "free");
  CloseBin(c);
}

void* ThreadCache::Refill(unsigned c, bool& zeroed) {
  block_.refills.AddOwned(1);
  Join();
  if (IsTabled(c) && block_.classes[c].capacity == 0) TryOpenBin(c);
  void* block = nullptr;
  if (IsSmallClass(c)) {
    block = RefillSmall(c);
  } else {
    if (IsTabled(c)) TryGrow(c);
    block = AllocateRun(c, Pages(1), zeroed);
  }
  KeepToShare(c);
  return block;
}

void* ThreadCache::TakeOne(unsigned c) {
  void* block = nullptr;
  bool zeroed = false;
  if (!IsSmallClass(c)) return AllocateRun(c, Pages(1), zeroed);
  NoteTaken(c, TakeBatch(c, 1, &block));
  return block;
}

// What malloc does for the blocks below these (kBlocksAhead).
void ThreadCache::PrefetchTop(unsigned c) {
  void** top = block_.bins.tops[c].LoadRelaxed();  // relaxed: written by this thread only
  for (void** slot = top; slot > top - kBlocksAhead && *slot != nullptr; --slot) {
    __builtin_prefetch(*slot, 1);
  }
}

void* ThreadCache::RefillSmall(unsigned c) {
  const uint32_t want = BatchOf(c);
  // The bin is empty. What waits on the shelf goes into it as it lay in another.
  if (const uint32_t n = heap_.TakeShelved(c, want, block_.bottom(c) + 1)) {
    NoteTaken(c, n);
    MoveTop(c, block_.bottom(c) + n - 1);
    PrefetchTop(c);
    void* block = block_.bottom(c)[n];
    TryGrow(c);
    return block;
  }
  // Take ascending blocks into it, then turn them round so that pops ascend.
  void** first = block_.bottom(c) + 1;
  const uint32_t got = TakeBatch(c, want, first);
  if (got == 0) return nullptr;
  for (uint32_t i = 0; i < got / 2; ++i) std::swap(first[i], first[got - 1 - i]);
  NoteTaken(c, got);
  void* block = first[got - 1];
  MoveTop(c, first + got - 2);
  TryGrow(c);
  return block;
}

uint32_t ThreadCache::TakeBatch(unsigned c, uint32_t want, void** out) {
  ClassState& state = block_.classes[c];
  Span*& span = block_.spans[c];
  uint32_t got = 0;
  while (got < want) {
    if (span == nullptr) {
      // A new span is worth fetching for the first block, not for the rest of a batch.
      if (got > 0) break;
      if (!TryTakeSpan(c)) break;
    }
    const uint32_t n = heap_.TakeSlots(*span, want - got, state.cursor, out + got);
    got += n;
    if (n == 0) LetSpanGo(c);
  }
  return got;
}

void ThreadCache::PushFull(unsigned c, void* p, const char* call) {
  block_.flushes.AddOwned(1);
  Join();
  // Whether a run beyond the table can be held is known by now.
  if (!IsTabled(c) || PassesBy(c, p, call) || !TryMakeRoom(c, call)) {
    ReturnOne(c, p, call);
  } else {
    void** top = block_.bins.tops[c].LoadRelaxed();  // relaxed: written by this thread only
    top[1] = p;
    MoveTop(c, top + 1);
  }
  KeepToShare(c);
}

// The first block that comes to a closed bin, where it shares lines. The bin stays closed, so that
// the next one comes here, too: if that is the same block, nothing else would notice.
bool ThreadCache::PassesBy(unsigned c, const void* p, const char* call) {
  if (block_.classes[c].capacity != 0 || !SharesLines(c)) return false;
  uint64_t& passed = block_.passed_classes[c / 64];
  const uint64_t mine = uint64_t{1} << (c % 64);
  if ((passed & mine) == 0) {
    passed |= mine;
    return true;
  }
  heap_.CheckLive(c, p, call);
  return false;
}

// The lowest n blocks of the stack go to the shelf, or back as far as it is full.
void ThreadCache::ShedOldest(unsigned c, uint32_t n, const char* call) {
  void** first = block_.bottom(c) + 1;
  uint32_t shelved = 0;
  while (shelved < n && IsSmallClass(c)) {
    const uint32_t some = std::min(n - shelved, SpanHeap::kMaxBatch);
    if (!heap_.Shelve(c, first + shelved, some)) break;
    shelved += some;
  }
  NoteReturned(c, shelved);
  if (shelved < n) ReturnBlocks(c, first + shelved, n - shelved, call);
  DropOldest(c, n);
}

// The lowest n blocks of the stack go back.
void ThreadCache::FlushOldest(unsigned c, uint32_t n, const char* call) {
  ReturnBlocks(c, block_.bottom(c) + 1, n, call);
  DropOldest(c, n);
}

// The lowest n slots of the stack are gone, the others move down.
void ThreadCache::DropOldest(unsigned c, uint32_t n) {
  void** first = block_.bottom(c) + 1;
  const uint32_t left = block_.depth(c) - n;
  memmove(first, first + n, left * sizeof(void*));
  MoveTop(c, first + left - 1);
}

void ThreadCache::ReturnBlocks(unsigned c, void** blocks, uint32_t n, const char* call) {
  NoteReturned(c, n);
  if (IsSmallClass(c)) {
    heap_.ReturnSlots(c, blocks, n, block_.page_cache, call);
    return;
  }
  for (uint32_t i = 0; i < n; ++i) heap_.FreeRun(c, blocks[i], block_.page_cache, call);
}

// Of a class beyond the table, whose bin always looks full.
void ThreadCache::NoteHeldGone(unsigned c, uint32_t n) {
  block_.bins.limits[c] = block_.bins.tops[c].LoadRelaxed();  // relaxed: this thread's own
  block_.kept_bytes -= n * BlockBytes(c);
}

void* ThreadCache::AllocateRun(unsigned c, Pages alignment, bool& zeroed) {
  void* run = heap_.AllocateRun(c, alignment, block_.page_cache, zeroed);
  if (run != nullptr) NoteTaken(c, 1);
  return run;
}

void ThreadCache::NoteResized(unsigned from, unsigned to) {
  NoteReturned(from, 1);
  NoteTaken(to, 1);
}

void ThreadCache::Flush() {
  block_.ForEachUsed([this](unsigned c) {
    const uint32_t depth = block_.depth(c);
    if (depth > 0) FlushOldest(c, depth, "free");
    if (!IsTabled(c)) NoteHeldGone(c, depth);
    LetSpanGo(c);
  });
  NoteKept();
  heap_.pages().Flush(block_.page_cache);
}

void ThreadCache::Verify() const {
  size_t small = 0;
  size_t kept = 0;
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    const size_t depth = block_.depth(c);
    const size_t capacity = block_.classes[c].capacity;
    const size_t room = IsTabled(c) ? capacity : depth;
    SPANHEAP_CHECK(*block_.bottom(c) == nullptr && depth <= room && room <= kMaxCapacities[c]);
    SPANHEAP_CHECK(block_.bins.limits[c] == block_.bottom(c) + room);
    kept += room * BlockBytes(c);
    if (!IsSmallClass(c)) continue;
    small += capacity * BlockBytes(c);
    if (block_.spans[c] != nullptr) kept += BytesOf(RunPages(c)).value;
  }
  SPANHEAP_CHECK(block_.small_bytes == small && block_.kept_bytes == kept);
}

}  // namespace spanheap
