// SPDX-License-Identifier: MIT
//
// Collector: a cycle from its first stop to its last swept span.
//
// Idea.       Two short stops. At the first the barrier goes on, what threads have claimed turns
//             black, and roots become jobs. Then workers and allocating threads mark beside the
//             program until nothing is grey anywhere. At the second the barrier goes off, and what
//             was not marked dies, span by span as they are swept. If objects with destructors that
//             run later have died, a third between them says so, and what they reach is marked.
// Picture.    sweep rest | STOP 1 | mark: roots, drain, (handshake) | STOP 2 | sweep
//             phase       kOff -> kMark                       -> kTermination -> kOff
//             Where that pays, marks outlive the sweep, and the next mark is a young one: what was
//             alive before is not looked at again, but for pages into which something was stored
//             since (PageNotes). What has died among it stays until a full mark.
// Invariants. A cycle begins when every span is swept. While marking, no object reachable from a
//             root is white unless something grey leads to it.
// Threads.    RunCycle: one thread at a time (the collector's). The rest: as it says.
// Fails.      Where the marker does (collect/marker.h): there is no way back.
// Go.         mgc.go gcStart, gcMarkDone, gcMarkTermination.
// Tests.      tests/collect/collector_test.cc.
#pragma once

#include "base/published.h"
#include "collect/allocator.h"
#include "collect/collector_figures.h"
#include "collect/event_log.h"
#include "collect/heap_pace.h"
#include "collect/heap_state.h"
#include "collect/keeper_search.h"
#include "collect/mark_turns.h"
#include "collect/mark_verifier.h"
#include "collect/mark_work.h"
#include "collect/specials.h"
#include "collect/time_histogram.h"
#include "collect/world.h"
#include "policy/young_choice.h"

namespace spanheap {
struct RootRecord;
}  // namespace spanheap

namespace spanheap::collected {

class Collector {
 public:
  explicit constexpr Collector(PageHeap& pages) : store(pages, specials) {}

  bool Init(os::Memory& memory, MetadataArena& metadata, World& world);

  // --- Cycles: the collector's thread, outside of sections ---
  void RunCycle(bool forced);
  // Marks that were to outlive their cycle are forgotten, stores note no pages any more, and the
  // next mark is a full one. Stops the world for a little each time.
  void DropMarks();
  // After so long without a cycle that should be done: stores that note their pages cost a call.
  // 0: there is nothing to drop.
  uint64_t MarksLast_ns() const;
  // Sweeps everything that nobody holds.
  void FinishSweep();
  // Sweeps what threads hold, beside them, and waits until all is swept.
  void SweepHeld();
  void ResetInChild();

  // --- Parts of it ---
  // Sweeps a span; false: nothing is left to sweep in lists. Inside a section.
  bool SweepSome() { return store.SweepOne() != Pages(0); }
  // One more thread of the collector marks until the phase is over, in a context of its own: the
  // rank-th of those that World::CallHelpers called. Outside of sections.
  void MarkAlong(Marker& marker, unsigned rank);
  // Inside a section; null: no memory.
  Marker* NewMarker();
  void NoteAssist(uint64_t ns);
  // The program has given back so much by hand.
  void NoteFreed(uint64_t bytes) {
    const uint64_t live = state.live.LoadRelaxed();  // relaxed: a counter, right to a cycle
    state.live.FetchSubRelaxed(bytes < live ? bytes : live);
  }
  // Waits until a mark begins or is over, so long at most; `seen`: state.turns from before it
  // looked. Any thread, parked.
  void AwaitTurn(uint32_t seen, uint64_t longest_ns);
  // The thread's buffer is worked off (or dropped when nothing is marked). By the thread inside a
  // section, or while it is held.
  void FlushBarrier(HeapThread& thread);

  // From now on marks may outlive their cycle, so that the next one marks what is new only: where
  // policy::YoungChoice says that it pays, or `always`. Before the first cycle.
  void AllowYoung(bool always) {
    allows_young_ = true;
    young_ = policy::YoungChoice(always);
  }

  // A mark by few threads of less than that counts as short (FinishMark). Before the first cycle.
  void SetShortMark_ns(uint64_t ns) { short_mark_ns_ = ns; }

  // The next cycle ends with a look by the plain marker, while the world is stopped.
  void RequestVerify() { verify_wanted_.StoreRelease(1); }
  uint64_t missed() const { return missed_.LoadAcquire(); }
  // Changes as the collector's own threads mark. Wrong at times: a hint.
  uint64_t progress() const { return cycles() + work.step_ns(); }
  uint64_t cycles() const { return cycles_.LoadAcquire(); }  // completed
  CycleFigures last_cycle() const { return last_.Read(); }
  // Both stops of the last cycles added up, newest first; returns how many.
  size_t ReadStops(uint64_t* stop_ns, size_t capacity) const;

  Specials specials;
  SpanStore store;
  LayoutTable layouts;
  MarkQueue queue;
  MarkWork work{queue, specials};
  HeapState state;
  Allocator allocator{store, layouts, state};
  HeapPace pace{state, store, specials};
  CollectorTotals totals;
  TimeHistogram stop_times;
  TimeHistogram assist_times;
  EventLog events;
  KeeperSearch keepers;

 private:
  friend struct spanheap::RootRecord;  // its layout is described to tools
  template <class Function>
  void InSection(Function&& function);
  bool MayKeepMarks();
  bool MaySweepLazily();
  void BeginMark();
  void BeginMarkStopped();
  bool DropSomeStopped(uint32_t& next);
  void ResumeMark();
  void WakeWaiting();
  void FinishMark();
  bool FlushAllBarriers();
  void MarkRootsAndDrain();
  bool MarkSome(Marker& marker, unsigned rank, EventRun& run);
  // `which`: 1 before marking, 2 after it.
  void NoteStop(uint64_t begin_ns, uint64_t ns, uint64_t which);
  void NoteGoal(uint64_t from_ns);
  void NoteEnd(uint64_t mark_begin_ns);
  void EndPace();
  template <class Function>
  bool TryStopQuiet(Function&& end);
  // False: to be tried again when nothing is grey.
  bool TryEndLives();
  // With the world stopped: true if nothing is grey. Then marking is over.
  bool TryEndMark();
  uint64_t ExternalOfMarked();
  void EndMark();
  bool ChooseYoung();
  void KeepMarks();

  MarkVerifier verifier_;
  Atomic<uint32_t> verify_wanted_;
  Atomic<uint64_t> missed_;
  World* world_ = nullptr;  // const after Init, as what follows
  MetadataArena* metadata_ = nullptr;
  Marker* marker_ = nullptr;  // the collector thread's
  Atomic<uint64_t> cycles_;
  Atomic<uint64_t> cycle_assist_ns_;
  MarkTurns turns_{work, pace, totals};
  Atomic<uint32_t> is_forced_;    // written with the world stopped
  uint64_t doom_attempts_ = 0;    // to find dead objects with destructors; the collector's thread
  uint64_t external_ = 0;         // what marked objects hold elsewhere; the collector thread's
  CycleFigures figures_;          // of the running or the last cycle; the collector's thread
  Published<CycleFigures> last_;  // of the last that ended
  bool allows_young_ = false;     // const after the start, as is the next one
  uint64_t short_mark_ns_ = 200'000;
  policy::YoungChoice young_{false};  // written with the world stopped, as what follows
  uint64_t old_ = 0;            // bytes of marked objects, from cycle to cycle while marks are kept
  uint64_t full_scanned_ = 0;   // bytes in objects, in the last full mark
  uint64_t full_base_ = 0;      // of the goals from that mark on
  uint64_t young_scanned_ = 0;  // in the last young one
  bool has_notes_ = false;      // stores have noted pages since the last mark
  bool has_all_notes_ = false;  // and all of them
  uint64_t interval_ns_ = 0;    // between the beginnings of the last two cycles; 0: of one
  uint64_t last_live_ = 0;      // bytes, by the mark before
  uint64_t freed_before_ = 0;   // of these, by hand until this one
  static constexpr unsigned kStops = 256;
  Atomic<uint64_t> stops_[kStops];
};

}  // namespace spanheap::collected
