// SPDX-License-Identifier: MIT
#include "runtime/heap_section.h"

#include "runtime/options.h"

namespace spanheap {

void HeapSection::FindBlock() {
  if (!runtime.EnsureStarted()) return;
  if (!this_thread.exited) {
    block_ = runtime.threads.Attach();
    if (block_ != nullptr) return;
  }
  const uint32_t self = os::ThreadId();
  block_ = &runtime.threads.shared_block();
  // Relaxed: equal only if this very thread wrote it.
  if (runtime.threads.shared_user().LoadRelaxed() == self) {
    is_reentrant_ = true;
    return;
  }
  runtime.threads.shared_mutex().Lock();
  runtime.threads.shared_user().StoreRelease(self);
  is_shared_ = true;
}

void HeapSection::Enter() {
  // Relaxed: this thread's own depth, except for the shared block, which it has locked.
  if (is_reentrant_ || block_->state.section_depth.LoadRelaxed() != 0) {
    is_reentrant_ = true;
    return;
  }
  CoreSection::Enter(runtime.gate, block_->state);
  this_thread.bins = const_cast<ThreadBins*>(&kEmptyBins);
  is_direct_ = is_shared_ || options.verify >= 2;
}

void HeapSection::Leave() {
  CoreSection::Leave(block_->state);
  if (is_shared_) {
    runtime.threads.shared_user().StoreRelease(0);
    runtime.threads.shared_mutex().Unlock();
    return;
  }
  if (!is_direct_) this_thread.bins = &block_->bins;
}

}  // namespace spanheap
