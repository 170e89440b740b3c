// SPDX-License-Identifier: MIT
#include "runtime/finalizer_thread.h"

#include <algorithm>

#include "mutators/blocking_region.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/signals.h"
#include "runtime/collected_heap.h"
#include "runtime/heap_section.h"
#include "runtime/runtime.h"

namespace spanheap {

using collected::Special;
using collected::SpecialKind;

namespace {

// What finished calls left below this frame would look like roots to the frames of the wait.
SPANHEAP_NOINLINE void WipeStackBelow() {
  volatile uintptr_t words[512];
  for (volatile uintptr_t& word : words) word = 0;
}

}  // namespace

void FinalizerThread::WakeUp() {
  wanted_.FetchAdd(1);
  os::FutexWakeAll(wanted_);
}

bool FinalizerThread::EnsureRunning() {
  MutexLock lock(start_mutex_);
  if (is_running()) return true;
  is_running_.StoreRelease(1);  // before it runs anything: what it runs may start threads
  if (thread_.Start(this)) return true;
  is_running_.StoreRelease(0);
  return false;
}

bool FinalizerThread::EnsureRunningIfQueued() {
  return !has_queued() || is_running() || EnsureRunning();
}

void FinalizerThread::Main(void* self) {
  auto& mine = *static_cast<FinalizerThread*>(self);
  CollectedHeap& heap = *CollectedHeap::Get();
  mine.mutator_.StoreRelease(heap.Thread());
  os::UnblockSignal(heap.mutators.signal());  // what it runs may take long, and is the program's
  for (;;) {
    const uint32_t wanted = mine.wanted_.LoadAcquire();
    mine.RunAll();
    WipeStackBelow();
    // What ran may have forked: this may be all that the child has.
    if (os::IsFirstThread()) runtime.process_end.Suspect();
    const BlockingRegion waiting;
    os::FutexWait(mine.wanted_, wanted);
  }
}

void FinalizerThread::RunAll() {
  for (;;) {
    Special* special = nullptr;
    {
      const HeapSection section;
      special = specials_.TakeQueued(this_mutator);
    }
    if (special == nullptr) return;
    Run(*special);
    WipeStackBelow();  // who waits for this may begin a cycle at once, which looks here first
    CollectedHeap::Get()->FinishSpecial(special);
    finished_.FetchAdd(1);
    os::FutexWakeAll(finished_);
  }
}

// The record is a root meanwhile, so the object stays.
void FinalizerThread::Run(const Special& special) {
  void* const closure = PointerTo(Address(special.closure.LoadAcquire()));
  if (special.was == SpecialKind::kFinalizer) {
    const auto run = reinterpret_cast<void (*)(void*, void*)>(special.function);
    run(PointerTo(Address(special.object)), closure);
  } else if (special.was == SpecialKind::kCleanup) {
    reinterpret_cast<void (*)(void*)>(special.function)(closure);
  } else {
    collected::Specials::RunDestructor(special);
  }
}

bool FinalizerThread::Drain(uint64_t timeout_ns) {
  if (IsThis() || !EnsureRunningIfQueued()) return false;
  const uint64_t finalizers = specials_.queued();
  const uint64_t cleanups = specials_.cleanups_queued();
  const uint64_t begin = os::MonotonicNow_ns();
  const BlockingRegion waiting;
  for (;;) {
    const uint32_t finished = finished_.LoadAcquire();
    if (specials_.run() >= finalizers && specials_.cleanups_run() >= cleanups) return true;
    const uint64_t waited = os::MonotonicNow_ns() - begin;
    if (waited >= timeout_ns) return false;
    constexpr uint64_t kLongest = 1'000'000'000;
    os::FutexWaitFor_ns(finished_, finished, std::min(timeout_ns - waited, kLongest));
  }
}

// What it runs may fork: then it is the thread that the child has.
void FinalizerThread::ResetInChild() {
  start_mutex_.ResetInChild();
  if (IsThis()) return;
  is_running_.StoreRelease(0);
  mutator_.StoreRelease(nullptr);
}

bool FinalizerThread::IsThis() const {
  return this_mutator != nullptr && this_mutator == mutator_.LoadAcquire();
}

}  // namespace spanheap
