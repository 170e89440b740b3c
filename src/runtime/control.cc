// SPDX-License-Identifier: MIT
//
// Options at run time, and fork.
#include <cstring>

#include "base/annotations.h"
#include "base/fatal.h"
#include "os/memory.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace spanheap::heap {
namespace {

// "refuse_after=N": the OS layer grants N more requests for memory and refuses all later ones;
// -1 ends that. For tests of what happens then, hence not among the options.
bool SetRefusal(const char* value) {
  const bool negative = value[0] == '-';
  int64_t n = 0;
  const char* digit = value + (negative ? 1 : 0);
  if (*digit == '\0') return false;
  for (; *digit != '\0'; ++digit) {
    if (*digit < '0' || *digit > '9' || n > INT64_MAX / 20) return false;
    n = n * 10 + (*digit - '0');
  }
  os::RefuseMemoryAfterForTest(negative ? 0 : n + 1);
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
  if (strcmp(name, "refuse_after") == 0) return SetRefusal(value);
  if (options.Set(name, value) != OptionResult::kDone) return false;
  runtime.huge_pages.SetMode(options.hugepages);
  ObeyOptions();
  if (strstr(name, "limit") != nullptr && runtime.EnsureStarted()) {
    runtime.limits.Set(options.memlimit, options.hardlimit);
  }
  return true;
}

bool SetLimitCallback(LimitCallback callback, void* context) {
  return runtime.limits.SetCallback(callback, context);
}

bool GetOption(const char* name, char* value, size_t capacity) {
  return options.Get(name, value, capacity);
}

void BeforeFork() {
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->BeforeFork();
  runtime.BeforeFork();
}
void AfterForkInParent() {
  runtime.AfterForkInParent();
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->AfterForkInParent();
}
void AfterForkInChild() {
  runtime.pages.ResetInChild();
  runtime.metadata.ResetInChild();
  runtime.spans.ResetInChild();
  runtime.large.ResetInChild();
  runtime.limits.ResetInChild();
  runtime.background.ResetInChild();
  runtime.AfterForkInChild();
  if (CollectedHeap* heap = CollectedHeap::GetIfStarted()) heap->AfterForkInChild();
}

}  // namespace spanheap::heap
