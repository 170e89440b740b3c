// SPDX-License-Identifier: MIT
//
// Background: who gives memory back while nobody asks: a thread of the heap's own, or, where there
// is none, the slow paths by the clock.
//
// Idea.       The thread starts once the heap has grown past a threshold, from a call of the
//             program's own code: not when libc, which frees under its locks, or the dynamic linker
//             is the caller. In a program of one thread it waits until there is enough to give back
//             (thread_worth.h), and may be started by a free: nobody might allocate any more. Until
//             then use is looked at by slow paths, by the clock. It works in rounds: a tick each
//             quarter of a second, slices of work between, all within the scavenger's budget. A
//             heap that has grown by a good step does not wait for the tick: what it left behind
//             goes at once. When a few ticks in a row found nothing to do the thread dozes, without
//             any wake-up, until the next slow path or the next option that is set. Between
//             rounds it rests: a program of one thread stays one.
// Picture.    kNone --malloc, free--> kStarting --> kAwake <--slow path, option-- kDozing
// Invariants. At most one thread per process. A forked child begins with none.
// Threads.    Attend and AttendFree: any; within a section (a handler) they do nothing.
// Fails.      No thread to be had, a program without a dynamic linker, `background=off`: slow paths
//             look at the clock and do a slice each.
// Cost.       Three loads at the end of a slow path, some more in a program of one thread that has
//             none. Nothing at all below the threshold.
// Go.         bgscavenge; the monitor thread that wakes it.
// Tests.      tests/runtime/background_test.cc, tests/stress/background.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "caches/thread_block.h"
#include "pages/page_heap.h"
#include "runtime/idle_caches.h"
#include "runtime/service_thread.h"
#include "runtime/thread_worth.h"
#include "scavenge/scavenger.h"

namespace spanheap {

class Runtime;

class Background {
 public:
  // Heaps that were never larger keep what they have: a small process pays for no thread.
  static constexpr uint64_t kThreshold = 32 << 20;

  constexpr Background(Runtime& runtime, PageHeap& pages, Scavenger& scavenger)
      : runtime_(runtime), pages_(pages), scavenger_(scavenger), worth_(runtime), idle_(runtime) {}

  // At the end of a slow path of malloc, calloc or new, called by the code at `caller`: starts the
  // thread, or wakes it if it dozes, or does a piece of its work. Null: starts nothing.
  void Attend(const void* caller) {
    if (has_nothing_to_notice()) return;
    AttendSlow(caller);
  }
  // The same of a free that has given the heap about so many bytes back. Starts the thread only in
  // a program of one thread, which holds none of libc's locks when it is not in libc.
  void AttendFree(const void* caller, size_t bytes) {
    if (has_nothing_to_notice()) return;
    AttendFreeSlow(caller, bytes);
  }
  // Something was decided that changes what is to be done, by an option: the next look at the heap
  // is due now.
  void Hurry();

  bool is_running() const { return state_.LoadAcquire() >= kAwake; }
  bool is_dozing() const { return state_.LoadAcquire() == kDozing; }
  void ResetInChild();

 private:
  friend struct RootRecord;  // its layout is described to tools
  // The numbers are known to tools.
  enum State : uint32_t { kNone, kStarting, kRefused, kAwake, kDozing };
  static constexpr uint64_t kForGood = ~uint64_t{0};
  // A round of work needs a few KiB; libc puts the thread's variables on the same stack, and
  // programs may have many of them.
  static constexpr size_t kStackBytes = 256 << 10;

  // Relaxed: what is missed now is seen by the next slow path.
  bool has_nothing_to_notice() const {
    const uint64_t grown = pages_.grown_bytes();
    if (grown < kThreshold) return true;
    return state_.LoadRelaxed() == kAwake && grown < eager_at_.LoadRelaxed();
  }
  SPANHEAP_COLD void NoticeSlow();
  SPANHEAP_COLD void AttendSlow(const void* caller);
  SPANHEAP_COLD void AttendFreeSlow(const void* caller, size_t bytes);
  // Without a thread: looks whether one is worth it, or does its work.
  void GoByClock();
  void LookByClock(uint64_t now_ns);
  void WorkByClock(uint64_t now_ns);
  bool IsOneAwaited();
  bool TryStart(const void* caller);
  void Wake();
  // The heap has grown by a step: the next look at its use is due now.
  void NoticeGrowth();
  void Run();
  void Doze(uint32_t seen, uint64_t at_most_ns);
  // One round; returns how long to sleep then.
  uint64_t Round();
  // Looks for idle threads, once a tick.
  void LookForIdle(uint64_t now_ns);
  // Trims some of their caches, at most so many. True: there are more.
  bool TrimIdle(unsigned most) REQUIRES(scavenger_.turn());
  // What is due, by whoever has the turn; returns how long there will be nothing to do.
  uint64_t Work(ThreadBlock& block) REQUIRES(scavenger_.turn());

  Runtime& runtime_;
  PageHeap& pages_;
  Scavenger& scavenger_;
  ThreadWorth worth_;
  ServiceThread thread_{"spanheap", [](void* self) { static_cast<Background*>(self)->Run(); },
                        kStackBytes};
  // For whoever has set the flag: tried, never waited for.
  Atomic<bool> idle_taken_;
  IdleCaches idle_;
  Atomic<uint64_t> next_look_ns_;  // a hint
  Atomic<uint64_t> look_ns_;       // processor time of looks, to be charged by who has the turn
  Atomic<uint32_t> state_;         // State
  Atomic<uint32_t> signal_;        // a futex word; changes with each wake-up
  Atomic<uint32_t> visits_;        // slow paths since the clock was last looked at; a rough count
  Atomic<uint64_t> eager_at_;      // so large a heap has grown by a step since the last one
  Atomic<bool> has_grown_;
  Atomic<bool> has_news_;    // the next look is due at once, and is not the last
  Atomic<uint64_t> due_ns_;  // when GoByClock is to do something next
};

}  // namespace spanheap
