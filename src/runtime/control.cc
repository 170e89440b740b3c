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
#include "runtime/fork_turn.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/occupied.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

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
  if (!ForkTurn::Begin()) return;
  CollectedHeap::BeginNotStarting();
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->BeforeFork();
  BeginKeepingStoreRanges();
  runtime.BeforeFork();
  ForkTurn::NoteLocked();
}
void AfterForkInParent() {
  if (!ForkTurn::Unlock()) return;
  runtime.AfterForkInParent();
  EndKeepingStoreRanges();
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->AfterForkInParent();
  CollectedHeap::EndNotStarting();
  ForkTurn::End();
}
void AfterForkInChild() {
  if (!ForkTurn::is_locked()) return Occupied::Begin();
  if (!ForkTurn::Unlock()) return;
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
  ForkTurn::End();
}

}  // namespace spanheap::heap
