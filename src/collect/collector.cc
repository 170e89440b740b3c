// SPDX-License-Identifier: MIT
#include "collect/collector.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/limits.h"
#include "os/probe.h"
#include "os/thread.h"

namespace spanheap::collected {
namespace {

// Bytes scanned between looks at what others do; the length of a section, too. While the program
// waits for the mark, longer: what is found is passed on less often.
constexpr uint64_t kSlice = 64 << 10;
constexpr uint64_t kForcedSlice = 512 << 10;
// After a mark of less than short_mark_ns_, buffers are flushed in the last stop only, not by a
// handshake before it: most often they hold nothing that is not marked, and to interrupt the
// threads once costs as much as such a mark. If they do, the stop was in vain. Of few threads: it
// takes some microseconds for each.
constexpr uint32_t kFewThreads = 4;

}  // namespace

bool Collector::Init(os::Memory& memory, MetadataArena& metadata, World& world) {
  if (!store.Init(memory, metadata)) return false;
  layouts.Init(metadata);
  queue.Init(metadata);
  specials.Init(store, layouts, metadata);
  verifier_.Init(memory, store, layouts, specials);
  keepers.Init(memory, store, layouts, specials);
  work.Init(world);
  world_ = &world;
  metadata_ = &metadata;
  marker_ = NewMarker();
  return marker_ != nullptr;
}

Marker* Collector::NewMarker() {
  void* memory = metadata_->Allocate(Bytes(sizeof(Marker)), Bytes(kCacheLine));
  return memory == nullptr ? nullptr : new (memory) Marker(store, layouts, queue);
}

template <class Function>
void Collector::InSection(Function&& function) {
  world_->InSection([](void* call) { (*static_cast<Function*>(call))(); }, &function);
}

// ---- the cycle

void Collector::RunCycle(bool forced) {
  if (state.is_marking()) {
    ResumeMark();
    FinishMark();
    if (!forced) return;  // it began before that was asked for
  }
  const uint64_t last_start_ns = figures_.start_ns;
  last_live_ = figures_.live();
  figures_ = CycleFigures();
  figures_.forced = forced;
  figures_.start_ns = os::MonotonicNow_ns();
  interval_ns_ = last_start_ns == 0 ? 0 : figures_.start_ns - last_start_ns;
  FinishSweep();
  SweepHeld();
  if (forced || !MayKeepMarks()) DropMarks();
  BeginMark();
  FinishMark();
}

// In a forked child, whose parent was marking: what is grey is in queues and in this context; who
// looked for roots is gone, so all are looked at again. The figures are the parent's.
void Collector::ResumeMark() {
  world_->Stop();
  InSection([&] { work.ListRoots(); });
  turns_.Begin(figures_.processors);  // the child's processor time began with the fork
  world_->Start();
}

void Collector::FinishSweep() {
  bool more = true;
  while (more) {
    InSection([&] {
      constexpr int kSpansPerSection = 32;
      for (int i = 0; i < kSpansPerSection && more; ++i) more = SweepSome();
    });
  }
}

// Destructors of the program may run, and wait for a lock of libc's malloc: so nobody who has that
// may be stopped, here or by what comes next, until other threads have done with theirs as well.
void Collector::SweepHeld() {
  constexpr uint32_t kRecordsPerSection = 512;
  bool more = store.unswept() != 0;
  for (uint32_t next = 1; more;) {
    InSection([&] { more = store.SweepHeld(next, kRecordsPerSection) && store.unswept() != 0; });
  }
  for (unsigned turn = 0; store.unswept() != 0; ++turn) os::GiveWay(turn);
}

void Collector::ResetInChild() {
  turns_.ResetInChild();
  pace.ResetInChild();
  work.ResetInChild();
  store.ResetInChild();
  layouts.ResetInChild();
  queue.ResetInChild();
  specials.ResetInChild(this_mutator);
  keepers.ResetInChild();
  last_.FinishInChild(figures_);
  state.waiting.StoreRelease(0);
}

// Words that change unseen would not be looked at again, nor what objects hold outside of their
// pages; and where each byte of room is dear, nothing dead may stay.
bool Collector::MayKeepMarks() {
  const bool is_told_all = !layouts.has_searched() && !layouts.has_traced();
  const MemoryGauge& gauge = store.pages().gauge();
  return allows_young_ && is_told_all && store.pages().is_linear() &&
         gauge.limit() == MemoryGauge::kNone && !gauge.has_ceiling();
}

// Where somebody waits for what is dead, or each byte of room is dear, it is swept at once.
bool Collector::MaySweepLazily() {
  const MemoryGauge& gauge = store.pages().gauge();
  return !figures_.forced && gauge.limit() == MemoryGauge::kNone && !gauge.has_ceiling();
}

void Collector::DropMarks() {
  if (!store.keeps_marks()) return;
  FinishSweep();
  SweepHeld();
  bool more = true;
  for (uint32_t next = 1; more;) {
    const uint64_t begin = os::MonotonicNow_ns();
    world_->Stop();
    InSection([&] { more = DropSomeStopped(next); });
    const uint64_t stop = os::MonotonicNow_ns() - begin;
    world_->Start();
    NoteStop(begin, stop, 1);
  }
}

// What is noted already stays so until the next mark, which is to find it.
bool Collector::DropSomeStopped(uint32_t& next) {
  constexpr uint32_t kSpansPerStop = 512;
  if (has_all_notes_) {
    world_->SetBarrier(false);
    has_all_notes_ = false;
  }
  return store.ForgetMarks(next, kSpansPerStop);
}

// Longer than most cycles take to come while a program allocates as it did.
uint64_t Collector::MarksLast_ns() const {
  constexpr uint64_t kLeast_ns = 1'000'000'000;
  constexpr uint64_t kIntervals = 4;
  return store.keeps_marks() ? std::max(kLeast_ns, kIntervals * interval_ns_) : 0;
}

void Collector::BeginMark() {
  const uint64_t begin = os::MonotonicNow_ns();
  world_->Stop();
  InSection([&] { BeginMarkStopped(); });
  figures_.stop1_ns = os::MonotonicNow_ns() - begin;  // this thread may lose its processor now
  world_->Start();
  WakeWaiting();
  NoteStop(begin, figures_.stop1_ns, 1);
  events.Add(EventKind::kLive, 0, begin, 0, figures_.live_at_start);
  NoteGoal(begin);
  SPANHEAP_PROBE(mark__begin, cycles() + 1, figures_.live_at_start);
}

void Collector::NoteStop(uint64_t begin_ns, uint64_t ns, uint64_t which) {
  events.Add(EventKind::kStop, os::ThreadId(), begin_ns, ns, which);
  SPANHEAP_PROBE(stop, which, ns);
  stop_times.Add(ns);
  totals.stop_ns.FetchAddRelaxed(ns);  // relaxed: statistics, one writer
  totals.stops.FetchAddRelaxed(1);
  pace.NoteStop(ns, turns_.processors());
  if (ns > totals.longest_stop_ns.LoadRelaxed()) totals.longest_stop_ns.StoreRelaxed(ns);
}

void Collector::BeginMarkStopped() {
  figures_.live_at_start = state.live.LoadAcquire();
  freed_before_ = store.freed_marked();
  figures_.processors = os::ProcessorCount();
  SPANHEAP_CHECK(store.unswept() == 0);
  uint32_t next = 1;
  const bool is_young = has_all_notes_ && !figures_.forced && MayKeepMarks();
  if (store.keeps_marks() && !is_young) store.ForgetMarks(next, ~uint32_t{0});
  figures_.young = is_young;
  if (!figures_.young) old_ = 0;
  state.black.StoreRelease(0);
  state.held.StoreRelease(0);
  state.phase.StoreRelease(Phase::kMark);
  world_->SetBarrier(true);
  const auto mark_claimed = [](void* self, HeapThread& thread) {
    thread.barrier.count = 0;
    thread.assist_balance = 0;
    auto& collector = *static_cast<Collector*>(self);
    ++collector.figures_.threads;
    collector.allocator.MarkClaimed(thread.cache);
  };
  world_->ForEach(mark_claimed, this);
  pace.Begin(figures_.live_at_start);
  is_forced_.StoreRelease(figures_.forced ? 1 : 0);
  pace.SetProcessors(figures_.processors);
  work.Begin(has_notes_ ? store.tables().chunk_end() : 0);
  has_notes_ = has_all_notes_ = false;
  turns_.Begin(figures_.processors);
}

// ---- marking

void Collector::FinishMark() {
  const uint64_t marking = os::MonotonicNow_ns();
  bool has_ended_lives = false;
  for (;;) {
    MarkRootsAndDrain();
    const bool is_short =
        os::MonotonicNow_ns() - marking < short_mark_ns_ && figures_.threads <= kFewThreads;
    if ((!is_short && FlushAllBarriers()) || work.MarkLateThreads(*marker_) || !work.IsQuiet())
      continue;
    if (!has_ended_lives) {
      has_ended_lives = TryEndLives();
      if (!has_ended_lives || !work.IsQuiet()) continue;
    }
    figures_.mark_ns = os::MonotonicNow_ns() - marking;
    if (TryEndMark()) break;
  }
  NoteEnd(marking);
}

// True: something has become grey.
bool Collector::FlushAllBarriers() {
  const auto flush = [](void* self, HeapThread& thread) {
    static_cast<Collector*>(self)->FlushBarrier(thread);
  };
  const uint64_t passed_on = queue.passed_on();
  const MarkTurns::Asking asking(turns_);
  world_->Handshake(flush, this);
  return queue.passed_on() != passed_on;
}

void Collector::NoteGoal(uint64_t from_ns) {
  const uint64_t goal = state.goal.LoadAcquire();
  events.Add(EventKind::kGoal, 0, from_ns, 0, goal == policy::Pacer::kNever ? 0 : goal);
}

// For those who look from outside.
void Collector::NoteEnd(uint64_t mark_begin_ns) {
  const uint32_t thread = os::ThreadId();
  const uint64_t end = os::MonotonicNow_ns();
  events.Add(EventKind::kMark, thread, mark_begin_ns, figures_.mark_ns, figures_.heap_scanned);
  events.Add(EventKind::kCycle, thread, figures_.start_ns, end - figures_.start_ns,
             figures_.number);
  events.Add(EventKind::kLive, 0, end, 0, figures_.marked);
  NoteGoal(end);
  SPANHEAP_PROBE(mark__end, figures_.number, figures_.marked);
}

void Collector::MarkRootsAndDrain() {
  bool has_called = false;
  EventRun run(events, EventKind::kWorker, os::ThreadId());
  while (!work.IsQuiet()) {
    const uint32_t news = work.news();
    if (!MarkSome(*marker_, 0, run)) {
      if (!work.IsQuiet()) work.AwaitNews(news);
    } else if (!has_called && !queue.is_empty()) {
      world_->CallHelpers(turns_.processors() - 1);
      has_called = true;
    }
  }
}

void Collector::MarkAlong(Marker& marker, unsigned rank) {
  EventRun run(events, EventKind::kWorker, os::ThreadId());
  while (state.is_marking()) {
    turns_.AwaitAnswers();
    const uint32_t news = work.news();
    if (!MarkSome(marker, rank, run)) work.AwaitNews(news);
  }
}

// False: there is nothing to do just now. While the program waits for the mark (`forced`), all
// processors are at it.
bool Collector::MarkSome(Marker& marker, unsigned rank, EventRun& run) {
  const bool is_forced = is_forced_.LoadAcquire() != 0;
  if (!is_forced) turns_.Await(rank);
  const uint64_t begin = os::MonotonicNow_ns();
  // The collector's own thread is the one who asks.
  const auto stop = rank == 0 ? nullptr : &MarkTurns::MustGiveWay;
  const uint64_t done = work.Step(marker, is_forced ? kForcedSlice : kSlice, stop, &turns_);
  if (done == 0) return false;
  run.Add(begin, os::MonotonicNow_ns(), done);
  pace.AddCredit(done);
  // A helper may be late from the last mark.
  if (rank == 0) InSection([&] { pace.Revise(work.heap_scanned() + work.roots_scanned()); });
  return true;
}

void Collector::FlushBarrier(HeapThread& thread) {
  constexpr uintptr_t kLeastAddress = 4096;
  BarrierBuffer& buffer = thread.barrier;
  if (!state.is_marking()) buffer.count = 0;
  if (buffer.count == 0) return;
  work.Enter();
  for (uint32_t i = 0; i < buffer.count; ++i) {
    const auto word = reinterpret_cast<uintptr_t>(buffer.entries[i]);
    if (word >= kLeastAddress) thread.marker.Shade(word);
  }
  buffer.count = 0;
  work.Leave(thread.marker);
}

// ---- the end

// Calls `end` with the world stopped if nothing is grey then, and it returns whether that is it.
template <class Function>
bool Collector::TryStopQuiet(Function&& end) {
  const uint64_t begin = os::MonotonicNow_ns();
  bool done = false;
  const MarkTurns::Asking asking(turns_);
  world_->Stop();
  InSection([&] {
    world_->ForEach(
        [](void* self, HeapThread& thread) { static_cast<Collector*>(self)->FlushBarrier(thread); },
        this);
    done = work.IsQuiet() && end();
  });
  const uint64_t stop = os::MonotonicNow_ns() - begin;
  world_->Start();
  figures_.stop2_ns += stop;
  NoteStop(begin, stop, 2);
  return done;
}

// Nothing seems to be grey: what is not marked and has a destructor that runs later is dead, unless
// something was marked while it was looked for. What the dead reach becomes grey.
bool Collector::TryEndLives() {
  if (!specials.has_destructors()) return true;
  const uint64_t marked = work.marked_objects();
  const uint32_t blocks = specials.block_count();
  const uint64_t attempt = ++doom_attempts_;
  uint64_t doomed = 0;
  for (uint32_t b = 0; b < blocks; ++b) {
    InSection([&] { doomed += specials.Doom(b, attempt); });
  }
  if (doomed == 0) return true;
  const auto holds = [&] {
    if (work.marked_objects() != marked) return false;
    specials.CommitDoomed(attempt);
    return true;
  };
  if (!TryStopQuiet(holds)) return false;
  work.EndDoomed(*marker_);
  return true;
}

// Nearly all that will be marked is.
uint64_t Collector::ExternalOfMarked() {
  int64_t bytes = 0;
  const uint32_t blocks = specials.external_bytes() == 0 ? 0 : specials.block_count();
  for (uint32_t b = 0; b < blocks; ++b) {
    InSection([&] { bytes += specials.ExternalOfMarked(b); });
  }
  return static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
}

bool Collector::TryEndMark() {
  external_ = ExternalOfMarked();
  const auto end = [&] {
    EndMark();
    return true;
  };
  if (!TryStopQuiet(end)) return false;
  stops_[figures_.number % kStops].StoreRelease(figures_.stop1_ns + figures_.stop2_ns);
  last_.Write(figures_);
  if (figures_.forced) totals.forced_cycles.FetchAdd(1);
  cycles_.FetchAdd(1);  // last: who sees the number finds the rest
  WakeWaiting();
  return true;
}

// Who is about to wait has counted itself and then looks at the word; both are read-modify-writes
// here: one of the two sees the other.
void Collector::WakeWaiting() {
  state.turns.FetchAdd(1);
  if (state.waiting.FetchAdd(0) != 0) os::FutexWakeAll(state.turns);
}

void Collector::AwaitTurn(uint32_t seen, uint64_t longest_ns) {
  state.waiting.FetchAdd(1);
  os::FutexWaitFor_ns(state.turns, seen, longest_ns);
  state.waiting.FetchSub(1);
}

size_t Collector::ReadStops(uint64_t* stop_ns, size_t capacity) const {
  const uint64_t newest = cycles();
  const auto n = static_cast<size_t>(
      std::min<uint64_t>({newest, static_cast<uint64_t>(capacity), uint64_t{kStops}}));
  for (size_t i = 0; i < n; ++i) stop_ns[i] = stops_[(newest - i) % kStops].LoadAcquire();
  return n;
}

void Collector::EndMark() {
  state.phase.StoreRelease(Phase::kTermination);
  if (verify_wanted_.Exchange(0) != 0) missed_.StoreRelease(verifier_.Run(*world_));
  keepers.RunIfAsked(*world_);
  figures_.live_at_end = state.live.LoadAcquire();
  old_ -= std::min(old_, store.TakeFreedMarked());
  old_ += work.marked_bytes() + state.black.LoadAcquire();
  figures_.marked = old_ + external_;
  figures_.held = state.held.LoadAcquire();
  figures_.heap_scanned = work.heap_scanned();
  figures_.roots_scanned = work.roots_scanned();
  figures_.stacks_scanned = work.stacks_scanned();
  figures_.marked_objects = work.marked_objects();
  figures_.number = cycles_.LoadAcquire() + 1;
  figures_.goal = state.goal.LoadAcquire();
  figures_.assist_ns = cycle_assist_ns_.Exchange(0);
  figures_.background_ns = work.step_ns();
  totals.background_ns.FetchAdd(figures_.background_ns);
  state.live.StoreRelease(figures_.live());
  world_->SetBarrier(false);
  specials.EndMark();
  state.phase.StoreRelease(Phase::kOff);
  work.End();
  const bool keeps = ChooseYoung();
  store.BeginSweep(keeps, MaySweepLazily());
  EndPace();
  if (keeps) KeepMarks();
}

// What this mark tells of the next one.
bool Collector::ChooseYoung() {
  (figures_.young ? young_scanned_ : full_scanned_) = figures_.heap_scanned;
  const policy::Newcomers newcomers = store.TakeNewcomers();
  // Not slots that are claimed only; what was freed by hand had not come since.
  const uint64_t known = last_live_ + figures_.held;
  const uint64_t had = figures_.live_at_start + freed_before_;
  const policy::MarkFound found{figures_.live(), figures_.heap_scanned, had - std::min(had, known),
                                work.marked_bytes()};
  // What was allocated while marking counts as alive now, but not for ever: without that, its dead
  // would make room for as many again.
  if (!figures_.young) full_base_ = found.live - newcomers.DyingOf(state.black.LoadAcquire());
  const bool is_young =
      figures_.young ? young_.AfterYoung(found) : young_.AfterFull(found, newcomers);
  return is_young && MayKeepMarks();
}

// Slots that threads had claimed stay marked, too, and are old when they are handed out: what is
// stored into them then notes their page.
void Collector::KeepMarks() {
  old_ += figures_.held;
  has_notes_ = has_all_notes_ = true;
  const PageTables& pages = store.pages().tables();
  world_->NotePages(store.tables().Notes(pages.base.value, pages.linear_bytes));
}

void Collector::EndPace() {
  policy::Pacer::Spent spent;
  spent.live = figures_.live_at_end;
  spent.elapsed_ns = os::MonotonicNow_ns() - turns_.begin_ns();
  spent.assist_ns = figures_.assist_ns;
  spent.processors = figures_.processors;
  spent.idle_ns =
      policy::IdleMarking_ns({figures_.processors, spent.elapsed_ns, figures_.background_ns, 0});
  policy::Pacer::Marked marked;
  marked.live = figures_.live();
  marked.heap_scan = figures_.heap_scanned;
  marked.global_scan = figures_.roots_scanned;
  marked.is_young = figures_.young;
  marked.base = full_base_;
  if (allows_young_) marked.next_scan = store.keeps_marks() ? young_scanned_ : full_scanned_;
  const uint64_t live = figures_.live();
  pace.End(spent, marked, figures_.live_at_end - std::min(figures_.live_at_end, live));
}

// ---- allocating threads do their share

void Collector::NoteAssist(uint64_t ns) {
  assist_times.Add(ns);
  cycle_assist_ns_.FetchAddRelaxed(ns);  // relaxed: statistics
  totals.assist_ns.FetchAddRelaxed(ns);
}

}  // namespace spanheap::collected
