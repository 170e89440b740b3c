// SPDX-License-Identifier: MIT
//
// Limits: makes the heap obey memlimit and hardlimit.
//
// Idea.    The gauge (pages/memory_gauge.h) knows what counts; this class sets its marks from the
//          options, percentages by what the control groups allow now. The soft limit: a slow path
//          that ends above the target gives back a bounded piece before its block is handed out
//          (policy/memory_limit.h says how much). The hard limit: an allocation that was refused is
//          tried again once everything that can go back has gone, what sleeping threads keep
//          included; after that the program's callback may help; then the allocation fails. What is
//          larger than the whole limit, or than the machine, has nothing given back for it. When
//          even that found too little, further allocations that fail soon look for less: a program
//          that tries again and again spends a fifth of its time in whole searches at most.
// Threads. Any, outside of sections. The callback is called outside of every lock and section, by
//          the thread whose allocation was refused, so it may use the heap. Allocations of its own
//          that are refused do not call it again; other threads' may meanwhile.
// Fails.   A soft limit never refuses: if nothing can be given back, it is passed.
// Cost.    Three loads at the end of an allocation's slow path; where a limit is a percentage, a
//          load more, and a small file per control group a second, read by the background thread
//          or, without one, by a slow path. Near the limit: a system call, for
//          kMostReleasePerCall or what the allocation took in at most.
// Go.      mheap.go allocSpan's scavenging for the memory limit; debug.SetMemoryLimit.
// Tests.   tests/runtime/limits_test.cc; tests/faces/malloc/limits_test.py with whole programs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/platform.h"
#include "base/units.h"
#include "pages/memory_gauge.h"
#include "policy/memory_limit.h"
#include "sync/mutex.h"

namespace spanheap {

class Limits {
 public:
  // See sh_limit_callback in spanheap/spanheap.h: non-zero means "try again".
  using Callback = int (*)(size_t wanted, size_t counted, size_t limit, void* context);

  constexpr explicit Limits(MemoryGauge& gauge) : gauge_(gauge) {}

  // The limits are what these say from here on.
  void Set(policy::MemoryAmount soft, policy::MemoryAmount hard);
  // How often percentages are computed anew, while there are any.
  static constexpr uint64_t kRefresh_ns = 1'000'000'000;
  // What the control groups allow may have changed: percentages are computed anew.
  void Refresh();
  // The same if it is due: by the background thread, or where there is none by slow paths.
  void RefreshByClock();
  // Relaxed: seen by the next tick or slow path, or the one after.
  bool has_percentage() const { return has_percentage_.LoadRelaxed(); }
  // False: no memory for the record.
  bool SetCallback(Callback callback, void* context);

  // A slow path has just allocated, taking in about `growth`.
  void AfterAllocation(size_t growth) {
    if (gauge_.is_above_target() || has_percentage()) [[unlikely]]
      AfterAllocationSlow(growth);
  }
  // The same for an allocation of `n` that failed for the `failures`-th time (from 1 on). True: try
  // again.
  SPANHEAP_COLD bool AfterFailure(size_t n, unsigned failures);

  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  friend struct RootRecord;  // its layout is described to tools

  struct Registered {
    Callback callback;
    void* context;
  };
  // How often a callback may ask for another try of one allocation.
  static constexpr unsigned kMostTries = 3;

  SPANHEAP_COLD void AfterAllocationSlow(size_t growth);
  void GiveBack(size_t growth);
  bool GiveBackAll(size_t n);
  bool GiveBackSome(size_t n);
  void NoteVain();
  bool CallBack(size_t n, unsigned failures);
  void SetMarks(uint64_t whole) REQUIRES(mutex_);
  void Log(size_t n);

  MemoryGauge& gauge_;
  // Of a rank that relies on no count of threads: it is taken in sections that nobody awaits.
  Mutex mutex_{LockRank::kThreadBlock};
  policy::MemoryAmount soft_ GUARDED_BY(mutex_);
  policy::MemoryAmount hard_ GUARDED_BY(mutex_);
  Atomic<bool> has_percentage_;
  Atomic<uint64_t> refresh_at_ns_;     // when to look at the control groups again
  Atomic<bool> logged_;                // a refusal by this hard limit
  Atomic<Registered*> registered_;     // in metadata, constant once published
  Atomic<uint64_t> returning_;         // bytes that are being given back now
  Atomic<uint64_t> patience_counted_;  // policy::Patience of the last vain attempt
  Atomic<uint64_t> patience_at_ns_;
  Atomic<uint64_t> search_ns_;     // what the last search of everything took
  Atomic<uint64_t> search_at_ns_;  // when there may be another one, after one in vain
};

}  // namespace spanheap
