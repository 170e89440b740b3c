// SPDX-License-Identifier: MIT
//
// LargeBlocks: blocks of more than 32 MiB, each alone in an address window of its own, away from
// the pages, where the kernel may move page tables instead of bytes.
//
// Idea.       A window is the block's size rounded up to a power of two (at least 64 MiB), reserved
//             and aligned to 32 MiB. The block grows in place while its window lasts; beyond it a
//             larger window takes over its pages. Freeing unreserves the window. Where address
//             space is limited, thread stacks and other mappings need what head-room would take:
//             a window is as long as its block then, and aligned to OS pages.
// Invariants. `windows_` is sorted by start, windows do not overlap, each holds one live block.
// Threads.    Any. No system call under the lock.
// Fails.      Null when the OS or the gauge's ceiling refuses, or kMaxBlocks are live; the old
//             block stays as it was.
// Cost.       Two to four system calls per block; lookup is a binary search.
// Tests.      tests/spans/large_blocks_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/fatal.h"
#include "base/units.h"
#include "os/memory.h"
#include "pages/huge_pages.h"
#include "pages/memory_gauge.h"
#include "spans/large_density.h"
#include "spans/metadata_arena.h"
#include "sync/mutex.h"

namespace spanheap {

class LargeBlocks {
 public:
  // Of windows that have head-room.
  static constexpr Bytes kWindowAlignment = 32_MiB;

  constexpr LargeBlocks() = default;
  // `gauge`: what blocks are charged to, `huge_pages`: who asks the OS for them, if anything.
  void Init(os::Memory& memory, MetadataArena& metadata, MemoryGauge* gauge = nullptr,
            HugePages* huge_pages = nullptr);
  // Address space is limited: windows have no head-room from here on.
  void SpareAddressSpace() { has_head_room_ = false; }

  // Whether the machine is too small for a block of `size` bytes, whatever is given back before.
  static bool IsTooMuch(Bytes size);
  // A zero block of at least `size` bytes, its start a multiple of `alignment` (a power of two).
  void* Allocate(Bytes size, Bytes alignment);
  // Usable bytes of the block that starts at p; 0: none does.
  Bytes SizeAt(Address p) const;
  // True if p lies in a window.
  bool Contains(Address p) const;
  // False: no block can start at p, nor has one. Takes no lock: who asks may have interrupted one
  // that holds it.
  bool MayStartAt(Address p) const {
    const size_t bits = start_bits_.LoadRelaxed();  // relaxed: who has a block has seen its start
    return bits != 0 && p.value % (bits & (~bits + 1)) == 0;
  }
  // For fatal lines: what is known of the window that p lies in; zero: none.
  BlockFacts FactsOf(Address p) const;
  // The same of the block that began at p and was freed, one of the last few. False: none.
  bool FindFormer(Address p, BlockFacts& facts) const;
  // The block, moved or not, with its content; null: it is where it was, unchanged.
  void* Resize(void* block, Bytes size);
  // False: no block starts there.
  bool Free(void* block);

  Bytes live_bytes() const { return Bytes(live_bytes_.LoadRelaxed()); }    // a statistic
  Bytes waste_bytes() const { return Bytes(waste_.LoadRelaxed()); }        // live minus asked for
  Bytes reserved_bytes() const { return Bytes(reserved_.LoadRelaxed()); }  // a statistic
  uint64_t live_count() const;
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  friend struct RootRecord;  // its layout is described to tools
  struct Window {
    Address start;   // of the block and the window
    Bytes reserved;  // size of the window
    Bytes ready;     // size of the block
    Bytes asked;     // of it, what the program asked for
    bool is_huge;    // huge pages were asked for in all of the window
  };
  static constexpr uint32_t kMaxBlocks = 1 << 16;
  static constexpr uint32_t kFormer = 8;

  Bytes WindowFor(Bytes ready) const;
  Bytes LeastAlignment() const { return has_head_room_ ? kWindowAlignment : os::PageSize(); }
  static BlockFacts FactsOf(const Window& window);
  uint32_t LowerBoundLocked(Address p) const REQUIRES(mutex_);
  bool FindLocked(Address start, uint32_t& at) const REQUIRES(mutex_);
  bool InsertLocked(const Window& window) REQUIRES(mutex_);
  Window RemoveLocked(uint32_t at) REQUIRES(mutex_);
  bool Insert(const Window& window);
  bool Find(Address start, Window& window) const;
  bool IsNextHuge(Bytes ready);
  void Advise(Window& window, bool huge, Bytes touched);
  void NoteDensity(const Window& window);
  void* AllocateCharged(Bytes size, Bytes ready, Bytes alignment);
  bool ResizeWindow(Window& window, Bytes ready);
  bool ResizeCharged(Window& window, Bytes ready);
  bool TryCharge(Bytes n) { return gauge_ == nullptr || gauge_->TryCharge(n); }
  void Uncharge(Bytes n) {
    if (gauge_ != nullptr) gauge_->Uncharge(n);
  }

  os::Memory* memory_ = nullptr;  // constant after Init
  MetadataArena* metadata_ = nullptr;
  MemoryGauge* gauge_ = nullptr;
  HugePages* huge_pages_ = nullptr;
  bool has_head_room_ = true;  // constant after start-up
  LargeDensity density_;
  mutable Mutex mutex_{LockRank::kLargeBlocks};
  Window* windows_ GUARDED_BY(mutex_) = nullptr;
  uint32_t count_ GUARDED_BY(mutex_) = 0;
  uint32_t capacity_ GUARDED_BY(mutex_) = 0;
  Window former_[kFormer] GUARDED_BY(mutex_) = {};  // freed last, in a ring
  uint32_t next_former_ GUARDED_BY(mutex_) = 0;
  Atomic<size_t> live_bytes_;
  Atomic<size_t> reserved_;
  Atomic<size_t> waste_;
  Atomic<size_t> start_bits_;  // of all blocks there have been; the lowest is what all keep to
};

}  // namespace spanheap
