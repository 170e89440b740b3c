// SPDX-License-Identifier: MIT
//
// Collector: a cycle from its first stop to its last swept span.
//
// Idea.       Two short stops. At the first the barrier goes on, what threads have claimed turns
//             black, and roots become jobs. Then workers and allocating threads mark beside the
//             program until nothing is grey anywhere. At the second the barrier goes off, and what
//             was not marked dies, span by span as they are swept.
// Picture.    sweep rest | STOP 1 | mark: roots, drain, handshake | STOP 2 | sweep
//             phase       kOff -> kMark                     -> kTermination -> kOff
// Invariants. A cycle begins when every span is swept. While marking, no object reachable from a
//             root is white unless something grey leads to it.
// Threads.    RunCycle: one thread at a time (the collector's). Work and Assist: any.
// Fails.      Never half way: memory for work batches is checked.
// Go.         mgc.go gcStart, gcMarkDone, gcMarkTermination.
// Tests.      tests/collect/collector_test.cc.
#pragma once

#include "collect/allocator.h"
#include "collect/heap_state.h"
#include "collect/specials.h"
#include "collect/world.h"

namespace spanheap::collected {

struct CycleFigures {
  uint64_t number = 0;
  bool forced = false;
  uint64_t start_ns = 0;  // monotonic
  uint64_t stop1_ns = 0;  // how long
  uint64_t mark_ns = 0;
  uint64_t stop2_ns = 0;
  uint64_t live_at_start = 0;  // bytes
  uint64_t live_at_end = 0;
  uint64_t marked = 0;
  uint64_t goal = 0;
  uint64_t heap_scanned = 0;
  uint64_t roots_scanned = 0;
  uint64_t marked_objects = 0;
};

class Collector {
 public:
  constexpr Collector(PageHeap& pages) : store(pages, specials) {}

  bool Init(os::Memory& memory, MetadataArena& metadata, World& world);

  // --- Cycles: the collector's thread, outside of sections ---
  void RunCycle(bool forced);
  // Sweeps everything that nobody holds.
  void FinishSweep();
  // Sweeps what threads hold.
  void SweepHeldByAll();
  void ResetInChild();

  // --- Parts of it ---
  // Sweeps a span; false: nothing is left to sweep in lists. Inside a section.
  bool SweepSome() { return store.SweepOne() != Pages(0); }
  // One more of the collector's threads marks; outside of sections. Returns the bytes it scanned.
  uint64_t Work(Marker& marker, uint64_t budget);
  // A thread of the program marks, inside a section.
  uint64_t Help(Marker& marker, uint64_t budget, Marker::ShouldStop stop, void* context);
  // The thread's buffer is worked off (or dropped when nothing is marked). By the thread inside a
  // section, or while it is held.
  void FlushBarrier(HeapThread& thread);

  uint64_t cycles() const { return cycles_.LoadAcquire(); }  // completed
  const CycleFigures& last_cycle() const { return figures_; }

  Specials specials;
  SpanStore store;
  LayoutTable layouts;
  MarkQueue queue;
  HeapState state;
  Allocator allocator{store, layouts, state};

 private:
  template <class Function>
  void InSection(Function&& function);
  void BeginMark();
  void BeginMarkStopped();
  void ListRoots();
  void FinishMark();
  void MarkRootsAndDrain();
  bool MarkLateThreads();
  void Collect(Marker& marker);
  bool IsQuiet() const;
  // With the world stopped: true if nothing is grey. Then marking is over.
  bool TryEndMark();
  void EndMark();

  World* world_ = nullptr;    // const after Init
  Marker* marker_ = nullptr;  // the collector thread's
  Atomic<uint32_t> root_jobs_;
  Atomic<uint32_t> next_root_;
  Atomic<uint32_t> roots_done_;
  Atomic<uint32_t> active_;  // contexts that may hold grey objects
  Atomic<uint64_t> marked_bytes_;
  Atomic<uint64_t> scanned_bytes_;
  Atomic<uint64_t> root_bytes_;
  Atomic<uint64_t> marked_objects_;
  Atomic<uint64_t> cycles_;
  CycleFigures figures_;
};

}  // namespace spanheap::collected
