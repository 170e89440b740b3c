// SPDX-License-Identifier: MIT
#include "runtime/thread_registry.h"

#include "caches/thread_cache.h"
#include "runtime/runtime.h"
#include "runtime/sampling.h"

namespace spanheap {
namespace {

// Calls of the exit hook before a block is given back: other keys' destructors run in between and
// find their thread's caches still there. libc makes four rounds.
constexpr unsigned kExitRounds = 3;

}  // namespace

void ThreadRegistry::Init() {
  exit_hook_.Create(&OnThreadExit);
  CoreSection section(runtime_.gate, shared_.state);
  ThreadCache(runtime_.spans, shared_).Begin();
}

ThreadBlock* ThreadRegistry::Attach() {
  ThreadBlock* block;
  {
    MutexLock lock(mutex_);
    block = NewBlockLocked();
    if (block == nullptr) return nullptr;
    LinkLocked(block);
  }
  this_thread.block = block;
  this_thread.bins = &block->bins;
  // May allocate: the thread is ready for that by now.
  exit_hook_.Arm(block);
  return block;
}

ThreadBlock* ThreadRegistry::NewBlockLocked() {
  ThreadState outside;  // fork waits for this lock, so this section is not in its way
  CoreSection section(runtime_.gate, outside);
  ThreadBlock* block = recycled_;
  if (block != nullptr) {
    recycled_ = block->next;
  } else {
    block = static_cast<ThreadBlock*>(
        runtime_.metadata.Allocate(Bytes(sizeof(ThreadBlock)), Bytes(kCacheLine)));
    if (block == nullptr) return nullptr;
  }
  ThreadCache(runtime_.spans, *block).Begin();
  block->orphaned = false;
  block->exit_rounds = 0;
  StartSampling(*block);
  return block;
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
  runtime.threads.Detach(*mine);
}

void ThreadRegistry::Detach(ThreadBlock& block) {
  this_thread.bins = const_cast<ThreadBins*>(&kEmptyBins);
  {
    CoreSection section(runtime_.gate, block.state);
    ThreadCache(runtime_.spans, block).End();
  }
  this_thread.block = nullptr;
  this_thread.exited = true;
  MutexLock lock(mutex_);
  UnlinkLocked(&block);
  RecycleLocked(&block);
}

void ThreadRegistry::RecycleLocked(ThreadBlock* block) {
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    // Relaxed: the block's thread has ended.
    totals_.taken[c] += block->classes[c].taken.LoadRelaxed();
    totals_.returned[c] += block->classes[c].returned.LoadRelaxed();
    block->classes[c].taken.StoreRelaxed(0);
    block->classes[c].returned.StoreRelaxed(0);
  }
  totals_.refills += block->refills.LoadRelaxed();
  totals_.flushes += block->flushes.LoadRelaxed();
  block->refills.StoreRelaxed(0);
  block->flushes.StoreRelaxed(0);
  block->next = recycled_;
  recycled_ = block;
}

void ThreadRegistry::BeforeFork() {
  mutex_.Lock();
  runtime_.gate.Close();
  for (ThreadBlock* block = first_; block != nullptr; block = block->next) {
    if (block != this_thread.block) runtime_.gate.AwaitOutside(block->state);
  }
  if (shared_user_.LoadAcquire() != os::ThreadId()) runtime_.gate.AwaitOutside(shared_.state);
}

void ThreadRegistry::AfterForkInParent() {
  runtime_.gate.Open();
  mutex_.Unlock();
}

void ThreadRegistry::AfterForkInChild() {
  uint32_t lost = 0;
  for (ThreadBlock* block = first_; block != nullptr; block = block->next) {
    if (block == this_thread.block) continue;
    block->orphaned = true;
    ++lost;
  }
  orphans_.StoreRelaxed(lost);  // relaxed: one thread is left
  shared_mutex_.ResetInChild();
  shared_user_.StoreRelaxed(0);
  AfterForkInParent();
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
  ThreadBlock* orphan = ClaimOrphan();
  if (orphan == nullptr) return;
  {
    CoreSection section(runtime_.gate, orphan->state);
    ThreadCache(runtime_.spans, *orphan).End();
  }
  MutexLock lock(mutex_);
  UnlinkLocked(orphan);
  RecycleLocked(orphan);
}

}  // namespace spanheap
