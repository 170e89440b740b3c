// SPDX-License-Identifier: MIT
#include "runtime/thread_registry.h"

#include "base/platform.h"
#include "caches/thread_cache.h"
#include "os/sleeper.h"
#include "runtime/occupied.h"
#include "runtime/runtime.h"
#include "runtime/sampling.h"

namespace spanheap {
namespace {

// Calls of the exit hook before a block is given back: other keys' destructors run in between and
// find their thread's caches still there. libc makes four rounds, and a thread may come here for
// the first time in one of them: so two, which is enough for the first and leaves room for that.
// (ThreadSanitizer takes its own state away in the fourth, before our turn.)
constexpr unsigned kExitRounds = 2;

// libc blocks this signal of its own, which programs cannot, where a thread must not be disturbed:
// so it does at the very end, behind the last destructor, when it frees what ended threads have
// left on stacks that it no longer keeps. That end would be told to nobody.
constexpr uint64_t kLibcSignal = uint64_t{1} << (32 - 1);

}  // namespace

SPANHEAP_AT_START void ThreadRegistry::Init() { exit_hook_.Create(&OnThreadExit); }

ThreadBlock* ThreadRegistry::Attach() {
  const uint64_t blocked = os::BlockedSignals();
  if ((blocked & kLibcSignal) != 0) return nullptr;
  ThreadBlock* block;
  {
    const Occupied occupied;
    MutexLock lock(mutex_);
    ArriveLocked();
    block = NewBlockLocked();
    if (block == nullptr) {
      DepartLocked();
      return nullptr;
    }
    LinkLocked(block);
    NoteFirstLocked(*block);
    block->of_program = !this_thread.is_service;
    if (block->of_program) of_program_.AddOwned(1);
    this_thread.block = block;
    this_thread.bins.StoreRelaxed(&block->bins);  // relaxed: this thread's own
  }
  // May allocate: the thread is ready for that by now.
  const bool tells_its_end = exit_hook_.Arm(block);
  // The anchor is part of the thread's variables: good only as long as its end is told.
  if (!tells_its_end) return block;
  block->idle.blocked_signals = blocked;
  block->idle.anchor.StoreRelease(&this_thread);
  return block;
}

ThreadBlock* ThreadRegistry::NewBlockLocked() {
  ThreadState outside;  // fork waits for this lock, so this section is not in its way
  CoreSection section(runtime_.gate, outside);
  ThreadBlock* block = TakeRecycledLocked();
  if (block == nullptr) {
    block = static_cast<ThreadBlock*>(
        runtime_.metadata.Allocate(Bytes(sizeof(ThreadBlock)), Bytes(kCacheLine)));
    if (block == nullptr) return nullptr;
  }
  ThreadCache(runtime_.spans, runtime_.cache_share, *block).Begin();
  block->orphaned = false;
  block->exit_rounds = 0;
  block->in_limit_callback = false;
  block->thread_id.StoreRelaxed(os::ThreadId());  // relaxed: the list's lock is held
  // After the number: who reads them the other way round has that of this owner or of a later one.
  block->idle.owner.StoreRelease(block->idle.owner.LoadRelaxed() + 1);  // relaxed: as above
  StartSampling(*block);
  return block;
}

ThreadBlock* ThreadRegistry::TakeRecycledLocked() {
  const bool is_cold = recycled_ == nullptr;
  ThreadBlock*& list = is_cold ? cold_ : recycled_;
  ThreadBlock* const block = list;
  if (block == nullptr) return nullptr;
  list = block->next;
  if (!is_cold) warm_.AddOwned(-1U);
  return block;
}

// The process has one first thread: once it is known, nobody else needs to ask.
void ThreadRegistry::NoteFirstLocked(ThreadBlock& block) {
  // Relaxed: written by this thread.
  block.is_first = !knows_first_ && block.thread_id.LoadRelaxed() == os::ProcessId();
  knows_first_ |= block.is_first;
}

void ThreadRegistry::LinkLocked(ThreadBlock* block) {
  block->previous = nullptr;
  block->next = first_;
  if (first_ != nullptr) first_->previous = block;
  first_ = block;
}

void ThreadRegistry::UnlinkLocked(ThreadBlock* block) {
  (block->previous != nullptr ? block->previous->next : first_) = block->next;
  if (block->next != nullptr) block->next->previous = block->previous;
}

void ThreadRegistry::OnThreadExit(void* block) {
  auto* mine = static_cast<ThreadBlock*>(block);
  if (++mine->exit_rounds < kExitRounds && runtime.threads.exit_hook_.Arm(mine)) return;
  const bool is_first = mine->is_first;
  runtime.threads.Detach(*mine);
  runtime.process_end.NoticeThreadEnd(is_first);
}

void ThreadRegistry::Detach(ThreadBlock& block) {
  const Occupied occupied;
  {
    // Nobody else has the record while the section is open: before, who trims it may still put the
    // bins back that it found.
    CoreSection section(runtime_.gate, block.state);
    this_thread.bins.StoreRelaxed(
        const_cast<ThreadBins*>(&kEmptyBins));  // relaxed: this thread's own
    block.idle.anchor.StoreRelease(nullptr);
    ThreadCache(runtime_.spans, runtime_.cache_share, block).End();
  }
  this_thread.block = nullptr;
  this_thread.exited = true;
  const bool is_cold = ReleaseUnlessWarm(block);
  {
    MutexLock lock(mutex_);
    UnlinkLocked(&block);
    RecycleLocked(&block, is_cold);
    NoteVisitLocked();
    if (block.of_program) of_program_.AddOwned(-1U);
    DepartLocked();
  }
}

void ThreadRegistry::RecycleLocked(ThreadBlock* block, bool is_cold) {
  // The analysis does not see that the lambda runs here, under the lock.
  block->ForEachUsed([&](unsigned c) NO_THREAD_SAFETY_ANALYSIS {
    // Relaxed: the block's thread has ended.
    totals_.taken[c] += block->classes[c].taken.LoadRelaxed();
    totals_.returned[c] += block->classes[c].returned.LoadRelaxed();
    totals_.requests[c] += block->classes[c].requests.LoadRelaxed();
    totals_.requested_bytes[c] += block->classes[c].requested_bytes.LoadRelaxed();
    block->classes[c].requests.StoreRelaxed(0);
    block->classes[c].requested_bytes.StoreRelaxed(0);
    block->classes[c].taken.StoreRelaxed(0);
    block->classes[c].returned.StoreRelaxed(0);
  });
  for (uint64_t& used : block->used_classes) used = 0;
  totals_.refills += block->refills.LoadRelaxed();
  totals_.flushes += block->flushes.LoadRelaxed();
  block->refills.StoreRelaxed(0);
  block->flushes.StoreRelaxed(0);
  HandOverDeferred(*block);
  KeepLocked(block, is_cold);
}

void ThreadRegistry::KeepLocked(ThreadBlock* block, bool is_cold) {
  ThreadBlock*& list = is_cold ? cold_ : recycled_;
  block->next = list;
  list = block;
  if (!is_cold) warm_.AddOwned(1);
}

void ThreadRegistry::ReleaseStacks(ThreadBlock& block) {
  const Bytes page = os::PageSize();
  const Address begin = RoundUp(AddressOf(block.first_stacks), page);
  const Address end = RoundDown(AddressOf(block.full_stacks + kFullStacks.total), page);
  if (begin < end) os::TheMemory().Release(begin, end - begin);
}

bool ThreadRegistry::ReleaseUnlessWarm(ThreadBlock& block) {
  if (warm_.LoadRelaxed() < kMostWarm) return false;  // relaxed: a hint
  ReleaseStacks(block);
  return true;
}

void ThreadRegistry::ReleaseRecycled() {
  // As many at most, though others end meanwhile.
  for (uint32_t i = 0; i < kMostWarm && ReleaseOneRecycled(); ++i) {}
}

bool ThreadRegistry::ReleaseOneRecycled() {
  const Occupied occupied;
  ThreadBlock* block = nullptr;
  {
    MutexLock lock(mutex_);
    if (recycled_ == nullptr || resting_ != nullptr) return false;
    block = resting_ = TakeRecycledLocked();
  }
  ReleaseStacks(*block);
  MutexLock lock(mutex_);
  resting_ = nullptr;
  KeepLocked(block, true);
  return true;
}

// What a handler freed in the thread's last slow path waits at the shared block for the next free.
void ThreadRegistry::HandOverDeferred(ThreadBlock& block) {
  void* const first = block.deferred_frees.Exchange(nullptr);
  if (first == nullptr) return;
  auto* last = static_cast<void**>(first);
  while (*last != nullptr) last = static_cast<void**>(*last);
  void* before = shared_.deferred_frees.LoadAcquire();
  do {
    *last = before;
  } while (!shared_.deferred_frees.CompareExchange(before, first));
}

void ThreadRegistry::BeforeFork() {
  Occupied::Begin();
  mutex_.Lock();
  runtime_.gate.Close();
  AwaitOthersOutside();
}

void ThreadRegistry::AwaitOthersOutside() {
  for (ThreadBlock* block = first_; block != nullptr; block = block->next) {
    if (block != this_thread.block) runtime_.gate.AwaitOutside(block->state);
  }
  runtime_.gate.AwaitOutside(shared_.state);
}

void ThreadRegistry::AfterForkInParent() {
  runtime_.gate.Open();
  mutex_.Unlock();
  Occupied::End();
}

void ThreadRegistry::AfterForkInChild() {
  uint32_t lost = 0;
  for (ThreadBlock* block = first_; block != nullptr; block = block->next) {
    block->state.claimed.StoreRelaxed(0);  // relaxed: one thread is left
    block->is_first = block == this_thread.block;
    if (block->is_first) {
      block->thread_id.StoreRelaxed(os::ThreadId());  // relaxed: as above
      continue;
    }
    block->orphaned = true;
    // Its thread may have been on its way in, to find the gate closed and turn back.
    block->state.section_depth.StoreRelaxed(0);  // relaxed: one thread is left
    block->idle.anchor.StoreRelaxed(nullptr);
    ++lost;
  }
  shared_.state.section_depth.StoreRelaxed(0);
  orphans_.StoreRelaxed(lost);  // relaxed: one thread is left
  if (resting_ != nullptr) KeepLocked(resting_, false);
  resting_ = nullptr;
  knows_first_ = this_thread.block != nullptr;
  present_ = this_thread.presence > 0 ? 1 : 0;
  // Relaxed: one thread is left.
  of_program_.StoreRelaxed(this_thread.block != nullptr && this_thread.block->of_program ? 1 : 0);
  SetAlone(true);
  shared_mutex_.ResetInChild();
  AfterForkInParent();
}

// A thread of the program only: the heap's own end in order, and rest without being present.
void ThreadRegistry::MakeOrphanIfLostLocked(ThreadBlock& block) {
  const IdleWatch& idle = block.idle;
  // Relaxed: owners change under this lock, and whoever finds one gone says so at some time.
  if (idle.lost_owner.LoadRelaxed() != idle.owner.LoadRelaxed()) return;
  if (block.orphaned || !block.of_program) return;
  block.orphaned = true;
  orphans_.AddOwned(1);
  of_program_.AddOwned(-1U);
  OneLessLocked();
}

ThreadBlock* ThreadRegistry::ClaimOrphan() {
  MutexLock lock(mutex_);
  for (ThreadBlock* block = first_; block != nullptr; block = block->next) {
    if (!block->orphaned) continue;
    block->orphaned = false;
    orphans_.AddOwned(-1U);
    return block;
  }
  return nullptr;
}

// The block stays in the list while it is emptied: if this thread is lost in another fork
// meanwhile, its child finds it there, either full or empty.
void ThreadRegistry::ReclaimOrphan() {
  const Occupied occupied;
  ThreadBlock* orphan = ClaimOrphan();
  if (orphan == nullptr) return;
  {
    CoreSection section(runtime_.gate, orphan->state);
    ThreadCache(runtime_.spans, runtime_.cache_share, *orphan).End();
  }
  const bool is_cold = ReleaseUnlessWarm(*orphan);
  MutexLock lock(mutex_);
  UnlinkLocked(orphan);
  RecycleLocked(orphan, is_cold);
}

}  // namespace spanheap
