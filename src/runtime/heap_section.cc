// SPDX-License-Identifier: MIT
#include "runtime/heap_section.h"

#include "base/annotations.h"
#include "base/check.h"
#include "runtime/occupied.h"
#include "runtime/options.h"

namespace spanheap {

// Locks in some cases only, which the analysis cannot follow; Leave has the same cases.
void HeapSection::FindBlock() NO_THREAD_SAFETY_ANALYSIS {
  if (this_thread.occupied != 0) {
    is_reentrant_ = true;
    if (block_ == nullptr) block_ = &runtime.threads.shared_block();
    return;
  }
  if (!runtime.EnsureStarted()) return;
  if (!this_thread.exited) {
    block_ = runtime.threads.Attach();
    if (block_ != nullptr) return;
  }
  Occupied::Begin();
  runtime.threads.Arrive();
  block_ = &runtime.threads.shared_block();
  runtime.threads.shared_mutex().Lock();
  is_shared_ = true;
}

void HeapSection::Enter() {
  // Relaxed: this thread's own depth, except for the shared block, which it has locked.
  if (is_reentrant_ || block_->state.section_depth.LoadRelaxed() != 0) {
    is_reentrant_ = true;
    return;
  }
  SPANHEAP_DCHECK(this_thread.presence > 0);
  if (runtime.threads.has_orphans() && !is_shared_) [[unlikely]]
    runtime.threads.ReclaimOrphan();
  CoreSection::Enter(runtime.gate, block_->state);
  // Relaxed: this thread's own, or the empty ones of who trims it.
  const bool had_bins = this_thread.bins.LoadRelaxed() == &block_->bins;
  this_thread.bins.StoreRelaxed(
      const_cast<ThreadBins*>(&kEmptyBins));            // relaxed: this thread's own
  std::atomic_signal_fence(std::memory_order_seq_cst);  // before the section touches the bins
  // Relaxed: who trims this thread's caches waits until the section is over.
  if (block_->idle.trimmed.LoadRelaxed()) block_->idle.trimmed.StoreRelaxed(false);
  is_direct_ = is_shared_ || options.verify >= 2;
  // The level was raised: what waits in bins would pass for live.
  if (is_direct_ && had_bins) [[unlikely]]
    cache().Flush();
}

void HeapSection::Leave() NO_THREAD_SAFETY_ANALYSIS {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  // Before the section ends: from then on somebody else may put the empty bins there. Relaxed: a
  // handler that comes in between finds bins that are whole, and the section still open.
  if (!is_direct_) this_thread.bins.StoreRelaxed(&block_->bins);
  CoreSection::Leave(block_->state);
  if (is_shared_) {
    runtime.threads.shared_mutex().Unlock();
    runtime.threads.Depart();
    Occupied::End();
    return;
  }
}

}  // namespace spanheap
