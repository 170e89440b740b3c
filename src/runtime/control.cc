// SPDX-License-Identifier: MIT
//
// Options at run time, and fork.
#include <cstring>

#include "base/annotations.h"
#include "base/fatal.h"
#include "mutators/store_ranges.h"
#include "os/memory.h"
#include "os/own_groups.h"
#include "runtime/collected_heap.h"
#include "runtime/epoch_report.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/occupied.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "sync/stop_delay.h"

namespace spanheap::heap {
namespace {

// "refuse_after=N": the OS layer grants N more requests for memory and refuses all later ones;
// "refuse_only=N": it refuses one; -1 ends that. For tests of what happens then, hence not among
// the options. Read, refuse_only is 1 while the one is still to come.
constexpr char kRefuseAfter[] = "refuse_after";
constexpr char kRefuseOnly[] = "refuse_only";

bool SetRefusal(const char* value, void (*refuse)(int64_t)) {
  const bool negative = value[0] == '-';
  int64_t n = 0;
  const char* digit = value + (negative ? 1 : 0);
  if (*digit == '\0') return false;
  for (; *digit != '\0'; ++digit) {
    if (*digit < '0' || *digit > '9' || n > INT64_MAX / 20) return false;
    n = n * 10 + (*digit - '0');
  }
  refuse(negative ? 0 : n + 1);
  return true;
}

// The calling thread obeys the options from here on, the others from their next slow path on: what
// lies in its bins and on the shelf goes back, so that a block freed earlier shows as free
// if it is freed again.
void ObeyOptions() {
  const HeapSection section;
  if (!section.is_open() || !section.is_direct()) return;
  section.cache().Flush();
  runtime.spans.GiveUpSpares();
}

// A signal handler may fork that interrupted this thread inside the heap. It could wait for a lock
// that its own thread holds, or for another fork, which waits for this thread to come out. So
// nothing is locked then: the parent goes on as if there had been no fork, and the child, where
// threads that are gone may hold any lock and have closed the gate, is in a slow path for good: the
// bootstrap arena serves it until it ends or runs a program.
class ForkTurn {
 public:
  // False: this thread is interrupted, or in the middle of another fork.
  bool Begin() {
    if (IsOfThisThread()) {
      ++nested_;
      return false;
    }
    return !StopDelay::is_open();
  }
  bool IsOfThisThread() const { return forking_thread_.LoadAcquire() == &this_thread; }
  void NoteLocked() { forking_thread_.StoreRelease(&this_thread); }
  // True if Begin was.
  bool End() {
    if (!IsOfThisThread()) return false;
    if (nested_ > 0) {
      --nested_;
      return false;
    }
    forking_thread_.StoreRelease(nullptr);
    return true;
  }

 private:
  // Whose fork has locked the heap; in a child of another thread's fork: of one that is gone.
  Atomic<const ThreadAnchor*> forking_thread_;
  uint32_t nested_ = 0;  // forks of its handlers meanwhile
};
constinit ForkTurn fork_turn;

}  // namespace

void AfterAllocation(const void* caller) { runtime.background.Attend(caller); }

bool Start() { return runtime.EnsureStarted(); }

void PrepareThreadBeforeTls() {
  this_thread.bins.StoreRelaxed(
      const_cast<ThreadBins*>(&kEmptyBins));  // relaxed: this thread's own
  this_thread.exited = true;                  // so that the shared block serves
}

bool SetOption(const char* name, const char* value) {
  if (strcmp(name, kRefuseAfter) == 0) return SetRefusal(value, os::RefuseMemoryAfterForTest);
  if (strcmp(name, kRefuseOnly) == 0) return SetRefusal(value, os::RefuseMemoryOnceForTest);
  if (options.Set(name, value) != OptionResult::kDone) return false;
  runtime.huge_pages.SetMode(options.hugepages);
  ObeyOptions();
  if (strstr(name, "limit") != nullptr && runtime.EnsureStarted()) {
    runtime.limits.Set(options.memlimit, options.hardlimit);
  }
  runtime.background.Hurry();
  // Limits and the least heap decide when that is collected.
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->Repace();
  return true;
}

bool SetLimitCallback(LimitCallback callback, void* context) {
  return runtime.limits.SetCallback(callback, context);
}

bool GetOption(const char* name, char* value, size_t capacity) {
  if (strcmp(name, kRefuseOnly) == 0 && capacity >= 2) {
    memcpy(value, os::IsRefusalDueForTest() ? "1" : "0", 2);
    return true;
  }
  return options.Get(name, value, capacity);
}

void BeforeFork() {
  if (!fork_turn.Begin()) return;
  CollectedHeap::BeginNotStarting();
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->BeforeFork();
  BeginKeepingStoreRanges();
  runtime.BeforeFork();
  fork_turn.NoteLocked();
}
void AfterForkInParent() {
  if (!fork_turn.End()) return;
  runtime.AfterForkInParent();
  EndKeepingStoreRanges();
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->AfterForkInParent();
  CollectedHeap::EndNotStarting();
}
void AfterForkInChild() {
  if (!fork_turn.IsOfThisThread()) return Occupied::Begin();
  if (!fork_turn.End()) return;
  runtime.pages.ResetInChild();
  runtime.metadata.ResetInChild();
  runtime.spans.ResetInChild();
  runtime.large.ResetInChild();
  runtime.limits.ResetInChild();
  os::ForgetGroupsInChild();
  epoch_report.ResetInChild();
  runtime.background.ResetInChild();
  runtime.process_end.ResetInChild();
  runtime.AfterForkInChild();
  EndKeepingStoreRanges();
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->AfterForkInChild();
  CollectedHeap::EndNotStarting();
}

}  // namespace spanheap::heap
