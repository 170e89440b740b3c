// SPDX-License-Identifier: MIT
#include "runtime/collected_heap.h"

#include <algorithm>
#include <cerrno>
#include <new>

#include "base/check.h"
#include "base/fatal.h"
#include "base/platform.h"
#include "layout/geometry.h"
#include "mutators/barrier.h"
#include "mutators/blocking_region.h"
#include "mutators/inline_data.h"
#include "mutators/stop_signal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "runtime/fork_turn.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/occupied.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "spanheap/detail/barrier.h"
#include "sync/stop_delay.h"

namespace spanheap {

using collected::Allocator;
using collected::HeapThread;
using collected::Request;

SPANHEAP_TOUCHED_AT_START constinit Atomic<CollectedHeap*> CollectedHeap::the_heap_;
SPANHEAP_TOUCHED_AT_START constinit Atomic<bool> CollectedHeap::is_forbidden_;

namespace {

constinit Mutex start_mutex{LockRank::kCollectedStart};
constinit Atomic<bool> was_refused{false};

void SayRefused() {
  if (was_refused.Exchange(true)) return;
  WarnLine("no collected heap: another version of spanheap is loaded in this process");
}

// Attempts that failed. Each costs memory that is not given back, so there are not many.
constexpr uint32_t kMostFailures = 3;
constinit uint32_t failures GUARDED_BY(start_mutex) = 0;

// How long a thread marks for an allocation.
class AssistTurn {
 public:
  AssistTurn(const collected::HeapPace& pace, uint64_t longest_ns)
      : pace_(pace), begin_ns_(os::MonotonicNow_ns()), longest_ns_(longest_ns) {}

  // Marker::ShouldStop: a stop is wanted, the time is over, or the limiter says so.
  static bool MustEnd(void* self) {
    auto& turn = *static_cast<AssistTurn*>(self);
    turn.is_over_ = this_stop.pending.LoadRelaxed() != 0 || turn.pace_.is_limiting() ||
                    os::MonotonicNow_ns() - turn.begin_ns_ >= turn.longest_ns_;
    return turn.is_over_;
  }
  bool is_over() const { return is_over_; }
  uint64_t begin_ns() const { return begin_ns_; }

 private:
  const collected::HeapPace& pace_;
  const uint64_t begin_ns_;
  const uint64_t longest_ns_;
  bool is_over_ = false;
};

}  // namespace

// ---- starting

CollectedHeap::CollectedHeap()
    : collector(runtime.pages), touches_(runtime.pages, collector.state) {}

CollectedHeap* CollectedHeap::StartSlow() {
  if (is_forbidden_.LoadAcquire()) {
    SayRefused();
    return nullptr;
  }
  if (!runtime.EnsureStarted()) return nullptr;
  const ForkTurn::Held held;
  if (!held) return nullptr;
  detail::RegisterStores();  // of this library
  MutexLock lock(start_mutex);
  CollectedHeap* heap = the_heap_.LoadAcquire();
  if (heap != nullptr || failures == kMostFailures) return heap;
  heap = TryStart();
  if (heap == nullptr) {
    ++failures;
    return nullptr;
  }
  the_heap_.StoreRelease(heap);
  return heap;
}

CollectedHeap* CollectedHeap::TryStart() {
  CollectedHeap* heap = nullptr;
  {
    const HeapSection section;
    if (!section.is_open()) return nullptr;
    void* memory = runtime.metadata.Allocate(Bytes(sizeof(CollectedHeap)), Bytes(128));
    if (memory == nullptr) return nullptr;
    heap = new (memory) CollectedHeap;
    if (!heap->collector.Init(os::TheMemory(), runtime.metadata, heap->world_)) return nullptr;
  }
  return heap->Init() ? heap : nullptr;
}

// Parked: a fork that stops the world meanwhile would take this thread for one inside of libc.
void CollectedHeap::BeginNotStarting() NO_THREAD_SAFETY_ANALYSIS {
  const BlockingRegion waiting;
  start_mutex.Lock();
}
void CollectedHeap::EndNotStarting() NO_THREAD_SAFETY_ANALYSIS { start_mutex.Unlock(); }

bool CollectedHeap::Init() {
  MutatorHooks hooks;
  hooks.flush_barrier = [](Mutator& mutator) {
    const HeapSection section;
    GetIfStarted()->collector.FlushBarrier(static_cast<HeapThread&>(mutator));
  };
  hooks.adopt = Adopt;
  hooks.lost = [](Mutator& mutator) {
    CollectedHeap& heap = *GetIfStarted();
    const Occupied occupied;
    MutexLock lock(heap.records_mutex_);
    auto& record = static_cast<HeapThread&>(mutator);
    record.recycled = heap.lost_;
    heap.lost_ = &record;
  };
  collector.specials.SetWakeUp(
      [](void* self) { static_cast<CollectedHeap*>(self)->finalizers_.WakeUp(); }, this);
  // The key first: what is taken from the program last is its signal.
  if (!exit_hook_.Create(OnThreadExit)) {
    WarnLine("no collected heap: all keys for variables of threads are in use");
    return false;
  }
  if (!mutators.Start(hooks)) return false;
  StartByFirstUse();
  if (options.sticky != Sticky::kOff) collector.AllowYoung(options.sticky == Sticky::kOn);
  collector.pace.SetPercent(options.gogc == Options::kGogcOff ? -1 : options.gogc);
  Repace();
  return true;
}

// ---- threads

Mutator* CollectedHeap::Adopt() {
  CollectedHeap* const heap = Get();
  return heap == nullptr ? nullptr : heap->Thread();
}

void CollectedHeap::StartByFirstUse() { SetAdoptHook(Adopt); }

HeapThread* CollectedHeap::NewRecord() {
  {
    const Occupied occupied;
    MutexLock lock(records_mutex_);
    if (HeapThread* record = recycled_) {
      recycled_ = record->recycled;
      return record;
    }
  }
  const HeapSection section;
  if (!section.is_open()) return nullptr;
  void* memory = runtime.metadata.Allocate(Bytes(sizeof(HeapThread)), Bytes(kCacheLine));
  if (memory == nullptr) return nullptr;
  auto* record = new (memory) HeapThread(collector.store, collector.layouts, collector.queue);
  if (is_ahead_) record->cache.pages.SetAhead();
  MutexLock lock(records_mutex_);
  record->older = records_.LoadAcquire();
  records_.StoreRelease(record);
  return record;
}

void CollectedHeap::Recycle(HeapThread& record) {
  record.in_use.StoreRelease(false);
  const Occupied occupied;
  MutexLock lock(records_mutex_);
  record.recycled = recycled_;
  recycled_ = &record;
}

// A record comes empty: new, or emptied before it was recycled. The collector sees it already, so
// what the collector writes when marking begins is not written here. What others left behind is
// given back by a thread that the collector can stop: it looks at all records at its stops.
HeapThread* CollectedHeap::AttachSlow() {
  HeapThread* record = NewRecord();
  if (record == nullptr) return nullptr;
  record->in_use.StoreRelease(true);  // before it holds anything
  if (!mutators.Attach(*record)) {
    Recycle(*record);
    return nullptr;
  }
  record->attaches = 0;
  exit_hook_.Arm(record);
  SetInlineWords(reinterpret_cast<char*>(record->cache.words));
  ReleaseLost();
  return record;
}

void CollectedHeap::OnThreadExit(void*) { GetIfStarted()->DetachThread(); }

// Who became known by its first use has never entered, and counts as if it had once.
bool CollectedHeap::Enter() {
  const bool was_known = this_mutator != nullptr;
  HeapThread* const record = Thread();
  if (record == nullptr) return false;
  record->attaches = was_known ? std::max(record->attaches, 1U) + 1 : 1;
  return true;
}

void CollectedHeap::Leave() {
  if (this_mutator == nullptr) return;
  auto& record = static_cast<HeapThread&>(*this_mutator);
  if (record.attaches > 1) {
    --record.attaches;
  } else {
    DetachThread();
  }
}

void CollectedHeap::DetachThread() {
  if (this_mutator == nullptr) return;
  auto& record = static_cast<HeapThread&>(*this_mutator);
  EndAllBlocking(record);  // what follows is work on the heap
  SPANHEAP_DCHECK(record.state.LoadAcquire() == MutatorState::kRunning);
  record.attaches = 0;
  SetInlineWords(nullptr);
  {
    const HeapSection section;
    collector.FlushBarrier(record);
    collector.allocator.Release(record.cache);
    record.assist_balance = 0;
  }
  mutators.Detach(record);
  exit_hook_.Disarm();
  Recycle(record);
}

HeapThread* CollectedHeap::TakeLost() {
  const Occupied occupied;
  MutexLock lock(records_mutex_);
  HeapThread* const record = lost_;
  if (record != nullptr) lost_ = record->recycled;
  return record;
}

// What threads left behind that ended without the hook, or were lost in a fork.
void CollectedHeap::ReleaseLost() {
  while (HeapThread* const record = TakeLost()) {
    {
      const HeapSection section;
      collector.FlushBarrier(*record);
      collector.allocator.Release(record->cache);
      record->assist_balance = 0;
    }
    Recycle(*record);
  }
}

// ---- objects

void* CollectedHeap::NewSlow(sh_layout& layout, size_t count) {
  void* const at = TryNewSlow(layout, count);
  if (at == nullptr) errno = ENOMEM;
  return at;
}

void* CollectedHeap::TryNewSlow(sh_layout& layout, size_t count) {
  HeapThread* const thread = Thread();
  Request request;
  CheckLayout(layout);
  if (thread == nullptr || !Allocator::Plan(layout, count, request)) return nullptr;
  if (collected::kSpanKinds[request.kind].domain == collected::Domain::kTyped &&
      __atomic_load_n(&layout.id, __ATOMIC_ACQUIRE) == 0 && !NumberLayout(layout)) [[unlikely]] {
    return nullptr;
  }
  if (collected::IsLargeKind(request.kind)) return NewLarge(*thread, request);
  // What has a destructor has a slot of its own: facts of objects are facts of slots.
  if (request.bytes < 16 && layout.kind == SH_SCAN_NONE && layout.destroy == nullptr)
    return NewTiny(*thread, request);
  collector.layouts.Note(layout);
  Allocator::TellPlace(request);
  LastResort::Attempts attempts;
  for (;;) {
    if (void* at = collector.allocator.TryNewSmall(thread->cache, request)) [[likely]]
      return at;
    if (Refill(*thread, request)) continue;
    if (!last_resort_.AfterFailure(*thread, request.bytes, attempts)) return nullptr;
  }
}

// What the collector would come upon later, where nobody knows whose it is.
void CollectedHeap::CheckLayout(const sh_layout& layout) {
  constexpr const char* kCall = "sh_gc_new";
  const Address at = AddressOf(&layout);
  if (layout.kind > SH_SCAN_TRACED) [[unlikely]]
    FatalUnknownKind(kCall, at, layout.kind);
  if (layout.kind == SH_SCAN_PRECISE && layout.size % sizeof(void*) != 0) [[unlikely]]
    FatalOddLayout(kCall, at, Bytes(layout.size));
  if (layout.kind == SH_SCAN_PRECISE && layout.pointer_bits == nullptr) [[unlikely]]
    FatalHollowLayout(kCall, at, "pointer_bits");
  if (layout.kind == SH_SCAN_TRACED && layout.trace == nullptr) [[unlikely]]
    FatalHollowLayout(kCall, at, "trace");
}

// The first object of a type that is known by number. Numbers are given under a lock.
bool CollectedHeap::NumberLayout(sh_layout& layout) {
  const HeapSection section;
  return section.is_open() && collector.layouts.IdOf(layout) != 0;
}

void* CollectedHeap::NewTiny(HeapThread& thread, const Request& request) {
  if (void* at = Allocator::TryNewTiny(thread.cache, request.bytes)) return at;
  Request block = request;
  block.kind = collected::KindFor(2, collected::Domain::kNoScan);
  LastResort::Attempts attempts;
  for (;;) {
    if (void* at = collector.allocator.TryNewSmall(thread.cache, block)) {
      Allocator::BeginTiny(thread.cache, static_cast<char*>(at), request.bytes);
      return at;
    }
    if (Refill(thread, block)) continue;
    if (!last_resort_.AfterFailure(thread, block.bytes, attempts)) return nullptr;
  }
}

bool CollectedHeap::Refill(HeapThread& thread, const Request& request) {
  size_t bytes = 0;
  {
    const HeapSection section;
    if (section.is_open()) {
      collector.pace.SweepFor(kPageSize.value);
      bytes = collector.allocator.Claim(thread.cache, request);
    }
  }
  if (bytes != 0) NoteAllocated(thread, bytes);
  return bytes != 0;
}

// As many pages are to become free as will be taken: a section for each piece of the sweep.
void CollectedHeap::ReclaimFor(size_t bytes) {
  collected::SpanStore& store = collector.store;
  if (store.unswept() == 0) return;
  const uint64_t before = store.pages_in_use();
  for (bool more = true; more;) {
    const HeapSection section;
    more = section.is_open() && store.ReclaimSome(before, PagesFor(Bytes(bytes)));
  }
}

// Null: no memory.
char* CollectedHeap::BeginLarge(const Request& request, bool& zeroed) {
  ReclaimFor(request.bytes);
  const HeapSection section;
  if (!section.is_open()) return nullptr;
  collector.pace.SweepFor(request.bytes);
  return collector.allocator.BeginLarge(request, zeroed);
}

void* CollectedHeap::NewLarge(HeapThread& thread, const Request& request) {
  bool zeroed = false;
  char* at = BeginLarge(request, zeroed);
  for (LastResort::Attempts attempts; at == nullptr; at = BeginLarge(request, zeroed)) {
    if (!last_resort_.AfterFailure(thread, request.bytes, attempts)) return nullptr;
  }
  collector.allocator.FinishLarge(at, request, zeroed);
  NoteAllocated(thread, request.bytes);
  asm volatile("" : "+r"(at) : : "memory");  // nothing else holds the object during the last call
  return at;
}

void CollectedHeap::NoteAllocated(HeapThread& thread, size_t bytes) {
  PollStop(thread);
  heap::FreeDeferred();
  touches_.Notice();
  runtime.limits.AfterAllocation(bytes);
  const collected::HeapState& state = collector.state;
  thread.assist_balance -= static_cast<int64_t>(bytes);
  if (state.is_marking()) {
    const bool assists = thread.assist_balance < 0 && !collector.pace.is_limiting();
    const bool is_late = assists && !Assist(thread, bytes);
    if (thread_.is_lost()) [[unlikely]]
      thread_.RequestDue();  // a forked child finishes its parent's mark
    WaitForCollector(thread, is_late);
    return;
  }
  // Relaxed: a cycle that begins a little later does no harm.
  const bool is_full = state.live.LoadRelaxed() >= state.trigger.LoadRelaxed();
  if (!is_full && !runtime.pages.gauge().is_tight()) return;
  if (!thread_.is_requested()) RequestDue();
  WaitForCollector(thread, thread_.is_requested());
}

// The collector is behind, and this thread cannot do its work: it leaves it the processor.
void CollectedHeap::WaitForCollector(HeapThread& thread, bool is_late) {
  const uint32_t turns = collector.state.turns.LoadAcquire();
  const uint64_t wait_ns = collector.pace.WaitLength_ns(is_late, thread.idle_waits);
  if (wait_ns == 0) return;
  const uint64_t before = collector.progress();
  {
    const BlockingRegion parked;
    collector.AwaitTurn(turns, wait_ns);
  }
  thread.idle_waits = collector.progress() == before ? thread.idle_waits + 1 : 0;
}

// Under a limit the trigger may have moved.
void CollectedHeap::RequestDue() {
  bool is_due = false;
  {
    const HeapSection section;
    is_due = section.is_open() && collector.pace.IsDue();
  }
  if (is_due) thread_.RequestDue();
}

void* CollectedHeap::BaseOf(const void* address) const {
  const collected::ObjectFinder finder(collector.store);
  const collected::ObjectRef object = finder.Find(AddressOf(address).value);
  return object ? PointerTo(finder.BaseOf(object)) : nullptr;
}

size_t CollectedHeap::SizeOf(const void* address) const {
  const collected::ObjectFinder finder(collector.store);
  const collected::ObjectRef object = finder.Find(AddressOf(address).value);
  return object ? finder.SizeOf(object) : 0;
}

// For those who look from outside. Short ones would fill the ring.
void CollectedHeap::NoteLongAssist(const HeapThread& thread, uint64_t begin_ns, uint64_t bytes) {
  constexpr uint64_t kLeast_ns = 20'000;
  const uint64_t length = os::MonotonicNow_ns() - begin_ns;
  if (length < kLeast_ns) return;
  collector.events.Add(collected::EventKind::kAssist, thread.thread_id, begin_ns, length, bytes);
}

// Marks about as much as it has allocated, at its share of what is left to mark; not for long at a
// time: what it still owes then, it pays with its next allocations. False: there was nothing it
// could do, the rest is in others' hands.
bool CollectedHeap::Assist(HeapThread& thread, size_t bytes) {
  policy::AssistPlan plan = collector.pace.PlanAssist(thread.assist_balance);
  thread.assist_balance += collector.pace.UseCredit(plan);
  if (plan.work <= 0) return true;
  AssistTurn turn(collector.pace, policy::LongestAssist_ns(bytes));
  uint64_t done = 0;
  const uint64_t begin = os::ThreadProcessorTime_ns();
  {
    const HeapSection section;
    if (collector.state.is_marking()) {
      done = collector.work.Help(thread.marker, static_cast<uint64_t>(plan.work),
                                 AssistTurn::MustEnd, &turn);
    }
  }
  collector.NoteAssist(os::ThreadProcessorTime_ns() - begin);
  NoteLongAssist(thread, turn.begin_ns(), done);
  thread.assist_balance += collector.pace.PaidBy(done);
  if (turn.is_over() || done >= static_cast<uint64_t>(plan.work)) return true;
  thread.assist_balance = std::max<int64_t>(thread.assist_balance, 0);
  return false;
}

// ---- control

void CollectedHeap::Collect() { thread_.Collect(); }

uint64_t CollectedHeap::Verify() {
  collector.RequestVerify();
  Collect();
  return collector.missed();
}

void CollectedHeap::AfterForkInChild() {
  collector.ResetInChild();
  thread_.ResetInChild();
  last_resort_.ResetInChild();
  mark_threads_.ResetInChild();
  finalizers_.ResetInChild();
  touches_.ResetInChild();
  records_mutex_.ResetInChild();
  mutators.AfterForkInChild();
}

}  // namespace spanheap
