// SPDX-License-Identifier: MIT
//
// HeapSection: a slow path's way in. Finds the thread's block (attaching the thread, or falling
// back to the shared block), opens a core section, and hides the bins from the fast paths
// meanwhile.
//
// Idea.    While a section is open, this_thread.bins is the empty bins: a signal handler that
//          interrupts the slow path and calls malloc or free finds nothing to take and no room to
//          put, comes here in its turn, and is told so (is_reentrant).
// Threads. The calling thread only.
// Cost.    Four stores and a few loads; more where the kernel has no membarrier, and for threads
//          without a block.
#pragma once

#include "caches/thread_cache.h"
#include "runtime/runtime.h"

namespace spanheap {

class HeapSection {
 public:
  HeapSection() : block_(this_thread.block) {
    if (this_thread.occupied != 0 || block_ == nullptr) [[unlikely]]
      FindBlock();
    if (block_ != nullptr) Enter();
  }
  ~HeapSection() {
    if (block_ == nullptr || is_reentrant_) return;
    Leave();
  }
  HeapSection(const HeapSection&) = delete;
  HeapSection& operator=(const HeapSection&) = delete;

  // False: there is no heap to be had, or it is not to be used now.
  bool is_open() const { return block_ != nullptr && !is_reentrant_; }
  // This thread is in the heap already: a signal handler interrupted it.
  bool is_reentrant() const { return is_reentrant_; }
  // No block may stay in a bin: the block is shared, or every free is to be checked at the call.
  bool is_direct() const { return is_direct_; }
  ThreadBlock& block() const { return *block_; }
  ThreadCache cache() const { return ThreadCache(runtime.spans, runtime.cache_share, *block_); }

 private:
  SPANHEAP_COLD void FindBlock();
  void Enter();
  void Leave();

  ThreadBlock* block_;
  bool is_reentrant_ = false;
  bool is_direct_ = false;
  bool is_shared_ = false;
};

}  // namespace spanheap
