// SPDX-License-Identifier: MIT
//
// control.h: how hard the collector works, what it has done, and how threads stand towards it.
#ifndef SPANHEAP_DETAIL_CONTROL_H
#define SPANHEAP_DETAIL_CONTROL_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>

#include "spanheap/detail/throw.h"
#include "spanheap/gc_c.h"

namespace spanheap {

// Units for limits: 512_MiB. In an inline namespace: `using namespace spanheap::literals` takes
// them alone.
inline namespace literals {
constexpr int64_t operator""_KiB(unsigned long long n) { return static_cast<int64_t>(n) << 10; }
constexpr int64_t operator""_MiB(unsigned long long n) { return static_cast<int64_t>(n) << 20; }
constexpr int64_t operator""_GiB(unsigned long long n) { return static_cast<int64_t>(n) << 30; }
}  // namespace literals

inline constexpr int64_t kNoMemoryLimit = INT64_MAX;

// A whole cycle, begun now: what is unreachable is swept when it returns.
inline void Collect() { sh_gc_collect(); }
// The same, then all free memory goes back to the kernel. True: any did.
inline bool FreeOsMemory() {
  sh_gc_collect();
  return sh_release_memory() != 0;
}
// Cleanups, finalizers and destructors queued so far have run; false: not within that time, which
// is over at once if it is negative.
inline bool RunFinalizers(std::chrono::nanoseconds timeout = std::chrono::seconds(10)) {
  const auto ns = timeout.count() < 0 ? 0 : timeout.count();
  return sh_gc_drain_finalizers(static_cast<uint64_t>(ns)) != 0;
}

// How much the heap may grow between cycles, in percent of what lived; 85, as at first: and by 50
// where it gets larger than it ever was; negative: no cycles but by limit and by hand. Returns what
// was set before, -1 for any negative number.
inline int SetGcPercent(int percent) { return sh_gc_set_percent(percent); }
// How many bytes all memory of the heap shall stay below, at the cost of at most half the processor
// time: 512_MiB, or kNoMemoryLimit. Returns what was set before.
inline int64_t SetMemoryLimit(int64_t bytes) { return sh_gc_set_memory_limit(bytes); }
inline int64_t memory_limit() { return sh_gc_set_memory_limit(-1); }

using GcStats = sh_gc_stats;
inline GcStats ReadGcStats() {
  GcStats stats{};
  sh_gc_read_stats(&stats, sizeof(stats));
  return stats;
}

// Makes this thread known early, for its life or the scope's; without it, its first use of the heap
// does. A thread that only reads pointers handed to it needs one.
class AttachedThread {
 public:
  AttachedThread() {
    if (sh_gc_attach() != 0) detail::Throw(std::bad_alloc());
  }
  ~AttachedThread() { sh_gc_detach(); }
  AttachedThread(const AttachedThread&) = delete;
  AttachedThread& operator=(const AttachedThread&) = delete;
};

// Around a wait: the collector goes on without this thread, and no signal interrupts the wait. No
// collected pointer may be touched inside.
class BlockingRegion {
 public:
  [[gnu::always_inline]] BlockingRegion() { sh_gc_blocking_begin(); }
  [[gnu::always_inline]] ~BlockingRegion() { sh_gc_blocking_end(); }
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;
};

// A stack that the program runs fibers on. Tell it just before switching:
//   fiber.SwitchTo(); swapcontext(&here, &there);
class FiberStack {
 public:
  FiberStack(void* low, std::size_t bytes)
      : stack_(sh_gc_stack_register(low, static_cast<char*>(low) + bytes)) {
    if (stack_ == nullptr) detail::Throw(std::bad_alloc());
  }
  ~FiberStack() { sh_gc_stack_unregister(stack_); }
  FiberStack(const FiberStack&) = delete;
  FiberStack& operator=(const FiberStack&) = delete;

  void SwitchTo() { sh_gc_stack_switch(stack_); }
  // The way back to a stack that the program did not make.
  static sh_gc_stack* Current() { return sh_gc_stack_current(); }
  static void SwitchTo(sh_gc_stack* stack) { sh_gc_stack_switch(stack); }

 private:
  sh_gc_stack* stack_;
};

}  // namespace spanheap

#endif
