// SPDX-License-Identifier: MIT
//
// CellArray: the heap's own small records in cells of one size, by number; pages of cells that
// nobody uses go back to the OS.
//
// Idea.       The array is reserved once and made ready in steps. A word for each 64 cells says
//             which of them are somebody's. Cells are handed out lowest first, alone or in aligned
//             rows, so that what is in use stays together and the rest empties; a page of cells
//             that was empty at two ticks is given back.
// Invariants. Cell 0 is nobody's, and ready when any is.
//             Cells never move and are never unmapped: who looks at one late reads old content or
//             zero, never a fault. from_[o]: no page of cells below it has a free row of 2^o.
// Threads.    Any. Nobody who takes or gives waits for a system call but who grows the array; pages
//             on their way back count as taken.
// Fails.      0 when the OS refuses or the array is full.
// Cost.       A lock and a word, mostly; the search for the next free cell reads 16 bytes for 64.
// Go.         mfixalloc.go; there nothing goes back.
// Tests.      tests/spans/cell_array_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/platform.h"
#include "os/memory.h"
#include "pages/memory_gauge.h"
#include "sync/mutex.h"

namespace spanheap {

class CellArray {
 public:
  static constexpr unsigned kOrders = 6;  // rows of 1, 2, 4, 8, 16 and 32 cells
  static constexpr Bytes kStep = 64_KiB;  // made ready at a time

  constexpr CellArray() = default;

  // The address space of so many cells of this size, a power of two of at least 32 bytes: whole
  // steps.
  static Bytes SpaceFor(uint32_t capacity, Bytes cell);
  // The array takes that much reserved space, at a multiple of a step. Cells are charged to
  // `gauge`, if any, as they are made ready.
  void Init(os::Memory& memory, Address space, uint32_t capacity, Bytes cell, MemoryGauge* gauge);

  // The first of 2^order cells in a row, whatever they hold; 0: none to be had.
  uint32_t Take(unsigned order) EXCLUDES(mutex_);
  void Give(uint32_t first, unsigned order) EXCLUDES(mutex_);
  // To be called by the clock: what was unused the last time and still is goes back.
  void GiveBackIdle() EXCLUDES(mutex_);

  template <class T>
  T* As() const {
    return PointerTo<T>(cells_);
  }
  // Cells ever taken are 1 .. end() - 1.
  uint32_t end() const { return end_.LoadAcquire(); }
  Bytes mapped() const { return Bytes(mapped_.LoadRelaxed()); }  // relaxed: a statistic
  void ResetInChild();

 private:
  friend struct RootRecord;                   // its layout is described to tools
  static constexpr uint32_t kPageCells = 64;  // a page of cells: one word
  static constexpr uint32_t kNear = 64;       // pages whose words are part of this object
  static constexpr uint32_t kScan = 1024;     // pages looked at in one section of the lock

  // How long a page has been unused.
  enum class Rest : uint8_t { kGivenBack, kSinceATick, kNew };
  struct Page {
    uint64_t used = 0;  // a bit per cell
    Rest rest = Rest::kGivenBack;
  };
  struct Row {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  Page& PageAt(uint32_t p) REQUIRES(mutex_) { return p < kNear ? near_[p] : far_[p - kNear]; }
  uint32_t page_count() const { return ready_.LoadAcquire() / kPageCells; }
  uint32_t TakeLocked(unsigned order) REQUIRES(mutex_);
  bool GrowFrom(uint32_t ready) EXCLUDES(mutex_);
  bool MakePagesReady(uint32_t pages) REQUIRES(growth_);
  bool IsIdleLocked(uint32_t first) REQUIRES(mutex_);
  Row ClaimIdleLocked(uint32_t& next) REQUIRES(mutex_);
  void GiveBack(Row pages) EXCLUDES(mutex_);

  os::Memory* memory_ = nullptr;  // constant after Init, down to group_
  MemoryGauge* gauge_ = nullptr;
  Bytes cell_;
  Address cells_;
  Page* far_ = nullptr;  // made ready in steps, like the cells
  uint32_t capacity_ = 0;
  uint32_t group_ = 1;  // pages of cells in an OS page
  Bytes reserved_;
  Mutex growth_{LockRank::kSpanGrowth};
  Bytes far_ready_ GUARDED_BY(growth_);
  Mutex mutex_{LockRank::kSpanRecords};
  Page near_[kNear] GUARDED_BY(mutex_);
  uint32_t from_[kOrders] GUARDED_BY(mutex_) = {};
  uint32_t resting_ GUARDED_BY(mutex_) = 0;  // pages that are unused and not given back
  Atomic<uint32_t> end_;                     // written under mutex_
  Atomic<uint32_t> ready_;                   // cells made ready, whole pages; written under growth_
  Atomic<uint64_t> mapped_;                  // bytes made ready; written under growth_
};

}  // namespace spanheap
