// SPDX-License-Identifier: MIT
//
// LayoutTable: the program's descriptions of its types, by the number the heap gave them.
//
// Idea.       A description (sh_layout, static in the program) gets its number at first use; spans
//             keep numbers, since four bytes per slot are half of an address.
// Invariants. A number, once given, stays. Number 0 means "not to be scanned".
// Threads.    Any; giving a number takes a lock, reading none.
// Fails.      0 when there is no memory for the table or 2^18 types are known.
// Go.         type.go's descriptors are addresses; there are no numbers.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "spanheap/gc_c.h"
#include "spans/metadata_arena.h"
#include "sync/mutex.h"

namespace spanheap::collected {

class LayoutTable {
 public:
  constexpr LayoutTable() = default;
  void Init(MetadataArena& metadata) { metadata_ = &metadata; }

  uint32_t IdOf(sh_layout& layout) {
    const uint32_t id = __atomic_load_n(&layout.id, __ATOMIC_ACQUIRE);
    return id != 0 ? id : AddSlow(layout);
  }
  const sh_layout& At(uint32_t id) const {
    return *blocks_[id / kBlock].LoadAcquire()[id % kBlock];
  }
  uint32_t count() const { return count_.LoadAcquire(); }
  // An object of the type is about to be made. With a number it is noted as that is given.
  void Note(const sh_layout& layout) {
    if (IsSearched(layout) && !has_searched()) has_searched_.StoreRelease(true);
    if (layout.kind == SH_SCAN_TRACED && !has_traced()) has_traced_.StoreRelease(true);
  }
  // A type has been noted that is searched word by word, or has such fields: frames of coroutines,
  // lambdas, unions, what the program says nothing about. Some of its words may be written without
  // the barrier.
  bool has_searched() const { return has_searched_.LoadAcquire(); }
  // A type has been noted whose pointers a function of the program names: what it names may lie
  // anywhere, and change by words that are no pointers.
  bool has_traced() const { return has_traced_.LoadAcquire(); }
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  static constexpr uint32_t kBlock = 1024;
  static constexpr uint32_t kBlocks = 256;

  static bool IsSearched(const sh_layout& layout) {
    return layout.kind == SH_SCAN_CONSERVATIVE || (layout.flags & SH_AMBIGUOUS_WORDS) != 0;
  }
  SPANHEAP_COLD uint32_t AddSlow(sh_layout& layout) EXCLUDES(mutex_);

  MetadataArena* metadata_ = nullptr;  // const after Init
  Mutex mutex_{LockRank::kSpanRecords};
  Atomic<const sh_layout**> blocks_[kBlocks];  // written under mutex_
  Atomic<uint32_t> count_;                     // written under mutex_
  Atomic<bool> has_searched_;                  // stays true
  Atomic<bool> has_traced_;                    // the same
};

}  // namespace spanheap::collected
