// SPDX-License-Identifier: MIT
#include "runtime/limits.h"

#include <algorithm>
#include <new>

#include "base/fatal.h"
#include "base/line_writer.h"
#include "base/platform.h"
#include "os/clock.h"
#include "os/own_groups.h"
#include "runtime/give_back.h"
#include "runtime/heap_section.h"
#include "runtime/occupied.h"
#include "runtime/options.h"

namespace spanheap {
namespace {

// What a percentage is of.
uint64_t ReadWhole() { return std::min(os::ReadGroupLimit(), os::PhysicalMemory()).value; }

// Free memory goes back to the OS: spares, pages and some holes, then what this thread keeps.
Bytes ReleaseFree(const HeapSection& section, Bytes most) {
  Bytes released = runtime.scavenger.ReleaseSome(most, section.block().page_cache);
  if (released < most) {
    section.cache().Flush();
    const Bytes wanted = RoundUp(most - released, kPageSize);
    const Pages rest = runtime.pages.ReleaseFree(PagesWithin(wanted), true);
    runtime.scavenger.Note(ReleaseCause::kLimit, BytesOf(rest));
    released += BytesOf(rest);
  }
  return released;
}

}  // namespace

// ---- the marks

SPANHEAP_AT_START void Limits::Set(policy::MemoryAmount soft, policy::MemoryAmount hard) {
  const Occupied occupied;  // a handler that allocates must not wait for the lock
  const bool has_percentage = soft.percent != 0 || hard.percent != 0;
  const uint64_t whole = has_percentage ? ReadWhole() : policy::kNoLimit;
  const ThreadRegistry::Guest guest(runtime.threads);
  ThreadState unlisted;  // in no list: a fork does not wait for it
  const CoreSection section(runtime.gate, unlisted);
  MutexLock lock(mutex_);
  if (!(hard == hard_)) logged_.StoreRelaxed(false);  // relaxed: a line more or less
  soft_ = soft;
  hard_ = hard;
  has_percentage_.StoreRelaxed(has_percentage);  // relaxed: seen by the next tick or the one after
  patience_at_ns_.StoreRelaxed(0);               // relaxed: a hint
  search_at_ns_.StoreRelaxed(0);
  SetMarks(whole);
}

SPANHEAP_AT_START void Limits::SetMarks(uint64_t whole) {
  const uint64_t limit = policy::Resolve(soft_, whole);
  const policy::SoftLimit marks = policy::SoftLimitFor(limit);
  gauge_.SetLimit(limit);
  gauge_.SetTarget(marks.target);
  gauge_.SetBackground(marks.background);
  const uint64_t ceiling = policy::Resolve(hard_, whole);
  gauge_.SetCeiling(ceiling);
  gauge_.SetTight(std::min(marks.target, policy::SoftLimitFor(ceiling).target));
}

void Limits::Refresh() {
  if (!has_percentage()) return;
  const Occupied occupied;  // as above
  const uint64_t whole = ReadWhole();
  const ThreadRegistry::Guest guest(runtime.threads);
  ThreadState unlisted;  // in no list: a fork does not wait for it
  const CoreSection section(runtime.gate, unlisted);
  {
    MutexLock lock(mutex_);
    SetMarks(whole);
  }
  if (gauge_.above_background() != 0) runtime.background.Hurry();
}

void Limits::RefreshByClock() {
  if (!has_percentage()) return;
  const uint64_t now_ns = os::MonotonicNow_ns();
  uint64_t due_ns = refresh_at_ns_.LoadAcquire();
  if (now_ns < due_ns || !refresh_at_ns_.CompareExchangeStrong(due_ns, now_ns + kRefresh_ns)) {
    return;
  }
  Refresh();
}

// ---- the soft limit

void Limits::AfterAllocationSlow(size_t growth) {
  if (Occupied::IsInHeap()) return;  // a handler, in the midst of something
  if (!runtime.background.is_running()) RefreshByClock();
  if (!gauge_.is_above_target()) return;
  runtime.cache_share.Update();
  GiveBack(growth);
}

void Limits::GiveBack(size_t growth) {
  const uint64_t target = gauge_.target();
  const uint64_t counted = gauge_.counted();
  const uint64_t now_ns = os::MonotonicNow_ns();
  // Relaxed, here and below: hints of when to try again; who misses one tries once more.
  if (counted <= patience_counted_.LoadRelaxed() && now_ns < patience_at_ns_.LoadRelaxed()) return;
  // What others are giving back already need not be given twice.
  const uint64_t settled = counted - std::min(counted, returning_.LoadRelaxed());
  const uint64_t wanted = policy::ReleaseAtAllocation(settled, target, growth);
  if (wanted == 0) return;
  const HeapSection section;
  if (!section.is_open()) return;
  returning_.FetchAddRelaxed(wanted);
  const Bytes released = ReleaseFree(section, Bytes(wanted));
  returning_.FetchSubRelaxed(wanted);
  if (released.value >= wanted) return;
  const policy::Patience patience = policy::PatienceAfter(gauge_.counted(), target, now_ns);
  patience_counted_.StoreRelaxed(patience.counted);
  patience_at_ns_.StoreRelaxed(patience.at_ns);
}

// ---- the hard limit, and a refusing OS

bool Limits::GiveBackSome(size_t n) {
  const HeapSection section;
  if (!section.is_open()) return false;
  runtime.spans.GiveUpSpares();
  ReleaseFree(section, Bytes(n));
  return true;
}

// After a search in vain it rests from what costs much: sleeping threads, and holes in all spans.
// What this thread and the spares keep, and whole free chunks, are looked at each time: the program
// may have freed much since. Relaxed in here: who sees an old time searches once more, or less.
bool Limits::GiveBackAll(size_t n) {
  const uint64_t begin_ns = os::MonotonicNow_ns();
  const bool rests = begin_ns < search_at_ns_.LoadRelaxed();
  if (!rests) TrimSleepingThreads();
  if (!FlushThisThread()) return false;
  if (rests) {
    if (!GiveBackSome(n)) return false;
  } else {
    ReleaseInPieces(Bytes(~size_t{0}), ReleaseCause::kLimit);
  }
  ReleaseChunksInPieces();
  if (!rests) search_ns_.StoreRelaxed(os::MonotonicNow_ns() - begin_ns);
  return true;
}

void Limits::NoteVain() {
  const uint64_t now_ns = os::MonotonicNow_ns();
  if (now_ns < search_at_ns_.LoadRelaxed()) return;
  search_at_ns_.StoreRelaxed(now_ns + policy::RestAfterSearch_ns(search_ns_.LoadRelaxed()));
}

// Where nothing that can be given back makes room for n, it stays: the program goes on without this
// block, and needs what is free for others. The callback is asked all the same: it may set another
// hard limit.
bool Limits::AfterFailure(size_t n, unsigned failures) {
  if (n > PTRDIFF_MAX || Occupied::IsInHeap()) return false;
  const bool is_below = n <= gauge_.ceiling();
  if (is_below && LargeBlocks::IsTooMuch(Bytes(n))) return false;
  if (failures == 1) return !is_below || GiveBackAll(n);
  if (failures == 2 && is_below) NoteVain();
  constexpr Bytes kLargestSpan = 64_KiB;
  if (gauge_.HasRoomFor(Bytes(n) + kLargestSpan)) return false;  // it was not the limit
  Log(n);
  return CallBack(n, failures) && (!is_below || GiveBackSome(n));
}

void Limits::Log(size_t n) {
  if (logged_.Exchange(true)) return;
  LineWriter line;
  line.Text("hardlimit: refused an allocation of ").Decimal(n).Text(" bytes: ");
  line.Decimal(gauge_.counted()).Text(" of ").Decimal(gauge_.ceiling());
  line.Text(" bytes are in use (said once)").Char('\0');
  WarnLine(line.data());
}

bool Limits::SetCallback(Callback callback, void* context) {
  if (callback == nullptr) {
    registered_.StoreRelease(nullptr);
    return true;
  }
  if (!runtime.EnsureStarted()) return false;
  const HeapSection section;
  if (!section.is_open()) return false;
  void* memory = runtime.metadata.Allocate(Bytes(sizeof(Registered)), Bytes(alignof(Registered)));
  if (memory == nullptr) return false;
  registered_.StoreRelease(new (memory) Registered{callback, context});
  return true;
}

bool Limits::CallBack(size_t n, unsigned failures) {
  const Registered* registered = registered_.LoadAcquire();
  ThreadBlock* block = this_thread.block;
  if (registered == nullptr || block == nullptr || block->in_limit_callback) return false;
  if (failures > kMostTries + 1) return false;
  block->in_limit_callback = true;
  const int again =
      registered->callback(n, gauge_.counted(), gauge_.ceiling(), registered->context);
  block->in_limit_callback = false;
  return again != 0;
}

}  // namespace spanheap
