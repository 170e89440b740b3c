// SPDX-License-Identifier: MIT
//
// CollectedHeap: the collector put together with the process: its threads, its roots, the thread
// that runs the cycles. The native face is one call each above this.
//
// Idea.       It comes into being with the first call that needs it, in metadata: a process that
//             makes no such call has none of it. A thread is attached by its first call and
//             detached by libc's hook at its end.
// Invariants. Exactly one exists, or none. It is never torn down.
// Threads.    Any, outside of signal handlers and sections.
// Fails.      Start: null when the OS gives no address space; what allocates then returns null.
// Go.         malloc.go, proc.go, mgc.go, put together.
// Tests.      tests/runtime/collected_heap_test.cc.
#pragma once

#include "base/fatal.h"
#include "collect/collector.h"
#include "mutators/blocking_region.h"
#include "mutators/mutator_registry.h"
#include "mutators/root_slabs.h"
#include "observe/collected_report.h"
#include "os/clock.h"
#include "os/limits.h"
#include "os/thread.h"
#include "runtime/collector_thread.h"
#include "runtime/finalizer_thread.h"
#include "runtime/last_resort.h"
#include "runtime/mark_threads.h"
#include "runtime/program_world.h"
#include "runtime/touch_thread.h"

namespace spanheap {

class CollectedHeap {
 public:
  // The process's; started if need be. Null: it cannot be.
  static CollectedHeap* Get() {
    CollectedHeap* const heap = the_heap_.LoadAcquire();
    return heap != nullptr ? heap : StartSlow();
  }
  // Null: nothing has needed it so far.
  static CollectedHeap* GetIfStarted() { return the_heap_.LoadAcquire(); }
  // From now on names of gc_c.h in the rooms below (stacks, ranges, exchanges) start it as well.
  static void StartByFirstUse();

  // From now on it does not start, and the first attempt says so in a line: another copy of the
  // library is in the process that this one cannot talk to, and two collectors would stop each
  // other's threads.
  static void Forbid() { is_forbidden_.StoreRelease(true); }

  // --- Objects ---
  // Zeroed; null, with errno ENOMEM: no memory, not even after a whole cycle
  // (runtime/last_resort.h).
  void* New(sh_layout& layout, size_t count) {
    Mutator* const thread = this_mutator;
    if (thread != nullptr) [[likely]] {
      collected::AllocationCache& cache = static_cast<collected::HeapThread*>(thread)->cache;
      if (void* at = collected::Allocator::TryNewUsual(cache, layout, count)) [[likely]]
        return at;
    }
    return NewSlow(layout, count);
  }

  // Of the live object at or around `address`; null, 0: there is none.
  void* BaseOf(const void* address) const;
  size_t SizeOf(const void* address) const;
  // SH_PLACE_...: what the collector sees at an aligned address.
  int PlaceOf(const void* pointer);
  // For fatal lines: of the slots that p, an address in the heap's pages, lies in; zero: none.
  BlockFacts FactsOf(Address p) const;

  // Hint: the program uses the object no more. False: there is none.
  bool Delete(void* object);
  bool AdjustExternal(void* object, int64_t bytes);

  // --- Death; false, 0, null: no memory or no such object ---
  bool SetFinalizer(void* object, void (*run)(void*, void*), void* closure);
  bool SetDestructor(void* object, sh_layout& layout, size_t count);
  // What SetDestructor asks for: that many elements lie in an object of which `first` is the start.
  bool AreElements(const void* first, size_t size, size_t count) const;
  uint64_t AddCleanup(void* object, void (*run)(void*), void* closure);
  bool StopCleanup(void* object, uint64_t id);
  void* WeakHandle(const void* address);
  void* WeakGet(const void* handle);
  bool DrainFinalizers(uint64_t timeout_ns) { return finalizers_.Drain(timeout_ns); }
  // Finalizers, destructors that run later and cleanups that were queued since the start.
  uint64_t queued() const {
    return collector.specials.queued() + collector.specials.cleanups_queued();
  }
  // Not all of these have run, and a thread sees to them.
  bool is_running_queued() const { return finalizers_.is_busy(); }
  // By the collector's thread, when all is swept: somebody is there to run what was queued.
  void RunQueued() { finalizers_.EnsureRunningIfQueued(); }

  // --- Threads ---
  // The calling thread's record; attached if need be. Null: it cannot be.
  collected::HeapThread* Thread() {
    return this_mutator != nullptr ? static_cast<collected::HeapThread*>(this_mutator)
                                   : AttachSlow();
  }
  // The same, to be undone by Leave. They nest, and a thread that was known before stays so.
  bool Enter();
  void Leave();
  void DetachThread();
  // What was to be run for an object has run, on the calling thread.
  void FinishSpecial(collected::Special* special);
  // Gives back what threads left behind that are gone. By a mutator, or the collector's thread.
  void ReleaseLost();

  // --- Control ---
  void Collect();
  // Runs a cycle and marks once more by the plain marker; returns how many objects were missed.
  uint64_t Verify();
  // Runs a cycle and says in a line who keeps the object at ~hidden: 1; 0: nobody, -1: no memory.
  int WhoKeeps(uintptr_t hidden, char* text, size_t size);
  // Each returns what was set before.
  int64_t SetPercent(int64_t percent);
  int64_t SetMemoryLimit(int64_t bytes);  // negative: only reads
  // An option has changed that says how large the heap may become.
  void Repace();
  void ReadStats(sh_gc_stats& stats) const;
  // With every thread outside of the slow paths.
  void FillReport(CollectedReport& report) const;
  // By the collector's thread, when a mark is over.
  void NoteCycle();

  // Threads that mark beside the collector's; 0 as long as there was little to mark.
  unsigned mark_threads() const { return mark_threads_.running(); }

  // Around a fork, before it is asked whether the heap has started: nobody is half way there.
  static void BeginNotStarting();
  static void EndNotStarting();
  // Fork, as those of Runtime, outside of them.
  void BeforeFork() {
    {
      const BlockingRegion parked;  // who is in a step may be about to stop this thread
      collector.work.Pause();
    }
    mutators.BeforeFork();
  }
  void AfterForkInParent() {
    mutators.AfterForkInParent();
    collector.work.Resume();
  }
  void AfterForkInChild();

  collected::Collector collector;
  MutatorRegistry mutators;
  RootSlabs roots;

 private:
  friend struct RootRecord;  // tools are told whether it has begun
  CollectedHeap();

  SPANHEAP_COLD static CollectedHeap* StartSlow();
  static CollectedHeap* TryStart();
  // The calling thread, attached; null: no memory.
  static Mutator* Adopt();
  bool Init();
  SPANHEAP_COLD collected::HeapThread* AttachSlow();
  collected::HeapThread* NewRecord() EXCLUDES(records_mutex_);
  void Recycle(collected::HeapThread& record) EXCLUDES(records_mutex_);
  collected::HeapThread* TakeLost() EXCLUDES(records_mutex_);
  static void OnThreadExit(void* record);

  template <class Work>
  bool WithObject(const void* address, Work&& work);
  template <class Work>
  bool WithNewFact(const void* address, Work&& work);
  SPANHEAP_COLD bool MakeRoomForFacts();
  bool AreElementsOf(collected::ObjectRef ref, const void* first, size_t size, size_t count) const;
  void RunDestructors(collected::Special* first);
  bool Assist(collected::HeapThread& thread, size_t bytes);
  SPANHEAP_COLD void RequestDue();
  void WaitForCollector(collected::HeapThread& thread, bool is_late);
  void NoteLongAssist(const collected::HeapThread& thread, uint64_t begin_ns, uint64_t bytes);
  SPANHEAP_NOINLINE void* NewSlow(sh_layout& layout, size_t count);
  void* TryNewSlow(sh_layout& layout, size_t count);
  SPANHEAP_COLD bool NumberLayout(sh_layout& layout);
  static void CheckLayout(const sh_layout& layout);
  void* NewTiny(collected::HeapThread& thread, const collected::Request& request);
  void* NewLarge(collected::HeapThread& thread, const collected::Request& request);
  char* BeginLarge(const collected::Request& request, bool& zeroed);
  void ReclaimFor(size_t bytes);
  // The kind's next slots, and what goes with them: help with marking, the next cycle.
  bool Refill(collected::HeapThread& thread, const collected::Request& request);
  void NoteAllocated(collected::HeapThread& thread, size_t bytes);

  static Atomic<CollectedHeap*> the_heap_;
  static Atomic<bool> is_forbidden_;

  Atomic<collected::HeapThread*> records_;  // all there ever were, the newest first
  MarkThreads mark_threads_{collector};
  ProgramWorld world_{mutators, roots, records_, mark_threads_, collector.layouts};
  CollectorThread thread_{collector};
  LastResort last_resort_{collector, thread_};
  FinalizerThread finalizers_{collector.specials};
  TouchThread touches_;
  const bool is_ahead_ = os::ProcessorCount() > 1;  // alone, the thread would keep others waiting
  os::ThreadExitHook exit_hook_;
  uint64_t start_ns_ = os::MonotonicNow_ns();
  Mutex records_mutex_{LockRank::kThreads};
  collected::HeapThread* recycled_ GUARDED_BY(records_mutex_) = nullptr;  // linked by `recycled`
  collected::HeapThread* lost_ GUARDED_BY(records_mutex_) = nullptr;      // they hold spans still
};

}  // namespace spanheap
