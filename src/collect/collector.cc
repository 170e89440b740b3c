// SPDX-License-Identifier: MIT
#include "collect/collector.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/limits.h"

namespace spanheap::collected {
namespace {

// Bytes scanned between looks at what others do; the length of a section, too.
constexpr uint64_t kSlice = 64 << 10;

}  // namespace

bool Collector::Init(os::Memory& memory, MetadataArena& metadata, World& world) {
  if (!store.Init(memory, metadata)) return false;
  layouts.Init(metadata);
  queue.Init(metadata);
  specials.Init(store, layouts, metadata);
  verifier_.Init(memory, store, layouts, specials);
  world_ = &world;
  void* marker = metadata.Allocate(Bytes(sizeof(Marker)), Bytes(kCacheLine));
  if (marker == nullptr) return false;
  marker_ = new (marker) Marker(store, layouts, queue);
  return true;
}

template <class Function>
void Collector::InSection(Function&& function) {
  world_->InSection([](void* work) { (*static_cast<Function*>(work))(); }, &function);
}

// ---- the cycle

void Collector::RunCycle(bool forced) {
  figures_ = CycleFigures();
  figures_.forced = forced;
  figures_.start_ns = os::MonotonicNow_ns();
  if (state.is_marking()) {
    ResumeMark();
  } else {
    FinishSweep();
    BeginMark();
  }
  FinishMark();
}

// In a forked child, whose parent was marking: what is grey is in queues and in this context; who
// looked for roots is gone, so all are looked at again.
void Collector::ResumeMark() {
  world_->Stop();
  InSection([&] { ListRoots(); });
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

void Collector::SweepHeldByAll() {
  world_->Handshake(
      [](void* self, HeapThread& thread) {
        static_cast<Collector*>(self)->allocator.SweepHeld(thread.cache);
      },
      this);
}

// Whoever begins a step counts itself and then looks for a pause; who pauses sets it and then looks
// at the count. Each is a read-modify-write, so one of the two sees the other.
void Collector::BeginStep() {
  for (;;) {
    in_step_.FetchAdd(1);
    const uint32_t pauses = paused_.FetchAdd(0);
    if (pauses == 0) return;
    EndStep();
    os::FutexWait(paused_, pauses);
  }
}

void Collector::PauseForFork() {
  paused_.FetchAdd(1);
  while (in_step_.FetchAdd(0) != 0) os::YieldThread();
}

void Collector::ResumeAfterFork() {
  if (paused_.FetchSub(1) == 1) os::FutexWakeAll(paused_);
}

void Collector::ResetInChild() {
  in_step_.StoreRelease(0);  // who was about to find the pause is gone, and others that fork
  paused_.StoreRelease(0);
  store.ResetInChild();
  layouts.ResetInChild();
  queue.ResetInChild();
  specials.ResetInChild();
  active_.StoreRelease(0);
}

void Collector::BeginMark() {
  const uint64_t begin = os::MonotonicNow_ns();
  world_->Stop();
  InSection([&] { BeginMarkStopped(); });
  world_->Start();
  figures_.stop1_ns = os::MonotonicNow_ns() - begin;
  NoteStop(figures_.stop1_ns);
}

void Collector::NoteStop(uint64_t ns) {
  stop_times.Add(ns);
  totals.stop_ns.FetchAddRelaxed(ns);  // relaxed: statistics, one writer
  totals.stops.FetchAddRelaxed(1);
  if (ns > totals.longest_stop_ns.LoadRelaxed()) totals.longest_stop_ns.StoreRelaxed(ns);
}

void Collector::BeginMarkStopped() {
  figures_.live_at_start = state.live.LoadAcquire();
  figures_.processors = os::ProcessorCount();
  const auto sweep_held = [](void* self, HeapThread& thread) {
    static_cast<Collector*>(self)->allocator.SweepHeld(thread.cache);
  };
  world_->ForEach(sweep_held, this);
  SPANHEAP_CHECK(store.unswept() == 0);
  state.black.StoreRelease(0);
  marked_bytes_.StoreRelease(0);
  scanned_bytes_.StoreRelease(0);
  root_bytes_.StoreRelease(0);
  marked_objects_.StoreRelease(0);
  state.phase.StoreRelease(Phase::kMark);
  world_->SetBarrier(true);
  const auto mark_claimed = [](void* self, HeapThread& thread) {
    thread.barrier.count = 0;
    thread.assist_balance = 0;
    static_cast<Collector*>(self)->allocator.MarkClaimed(thread.cache);
  };
  world_->ForEach(mark_claimed, this);
  state.credit.StoreRelease(0);
  pacer.Begin(figures_.live_at_start);
  own_ns_ = os::ThreadProcessorTime_ns();
  process_ns_ = os::ProcessProcessorTime_ns();
  ListRoots();
}

void Collector::ListRoots() {
  next_root_.StoreRelease(0);
  roots_done_.StoreRelease(0);
  first_special_ = world_->ListRoots();
  root_jobs_.StoreRelease(first_special_ + specials.block_count());
}

void Collector::FinishMark() {
  const uint64_t marking = os::MonotonicNow_ns();
  const auto flush = [](void* self, HeapThread& thread) {
    static_cast<Collector*>(self)->FlushBarrier(thread);
  };
  for (;;) {
    MarkRootsAndDrain();
    const uint64_t passed_on = queue.passed_on();
    world_->Handshake(flush, this);
    if (queue.passed_on() != passed_on || MarkLateThreads() || !IsQuiet()) continue;
    figures_.mark_ns = os::MonotonicNow_ns() - marking;
    if (TryEndMark()) return;
  }
}

bool Collector::MarkLateThreads() {
  BeginStep();
  active_.FetchAdd(1);
  bool any = false;
  while (world_->MarkLateThread(*marker_)) any = true;
  InSection([&] { Collect(*marker_); });
  active_.FetchSub(1);
  EndStep();
  return any;
}

bool Collector::IsQuiet() const {
  return roots_done_.LoadAcquire() == root_jobs_.LoadAcquire() && active_.LoadAcquire() == 0 &&
         queue.is_empty();
}

void Collector::MarkRootsAndDrain() {
  while (!IsQuiet()) {
    const uint64_t done = Work(*marker_, kSlice);
    if (done == 0) {
      os::YieldThread();
      continue;
    }
    state.credit.FetchAdd(static_cast<int64_t>(done));
    Revise();
    if (!figures_.forced) Rest();
  }
}

// The background takes a quarter of the processors, and what nobody else of the process uses.
void Collector::Rest() {
  constexpr uint64_t kRest_ns = 100'000;
  const uint64_t elapsed = os::MonotonicNow_ns() - figures_.start_ns;
  const uint64_t own = os::ThreadProcessorTime_ns() - own_ns_;
  const double share = policy::Pacer::kUtilization * figures_.processors;
  if (static_cast<double>(own) <= share * static_cast<double>(elapsed)) return;
  const uint64_t all = os::ProcessProcessorTime_ns() - process_ns_;
  const uint64_t others = all - std::min(all, own);
  // With a processor to spare there is nobody to leave it to.
  if (others + elapsed <= elapsed * figures_.processors) return;
  os::SleepFor_ns(kRest_ns);
}

void Collector::Revise() {
  const uint64_t work = scanned_bytes_.LoadRelaxed() + root_bytes_.LoadRelaxed();  // as of now
  pacer.Revise(state.live.LoadRelaxed(), work);
}

// ---- one worker's share

uint64_t Collector::Work(Marker& marker, uint64_t budget) {
  BeginStep();
  active_.FetchAdd(1);
  uint64_t done = 0;
  while (done < budget && next_root_.LoadAcquire() < root_jobs_.LoadAcquire()) {
    const uint32_t job = next_root_.FetchAdd(1);
    if (job >= root_jobs_.LoadAcquire()) break;
    const uint64_t bytes = MarkRoots(job, marker);
    root_bytes_.FetchAddRelaxed(bytes);  // relaxed: a statistic
    roots_done_.FetchAdd(1);
    done += bytes;
  }
  InSection([&] {
    if (done < budget) done += marker.Drain(budget - done);
    Collect(marker);
  });
  active_.FetchSub(1);
  EndStep();
  return done;
}

uint64_t Collector::MarkRoots(uint32_t job, Marker& marker) {
  if (job < first_special_) return world_->MarkRoots(job, marker);
  InSection([&] { specials.MarkBlock(job - first_special_, marker); });
  return 64 * sizeof(Special);
}

uint64_t Collector::Help(Marker& marker, uint64_t budget, Marker::ShouldStop stop, void* context) {
  active_.FetchAdd(1);
  const uint64_t done = marker.Drain(budget, stop, context);
  Collect(marker);
  active_.FetchSub(1);
  return done;
}

void Collector::PassOnFrom(Marker& marker) {
  active_.FetchAdd(1);
  Collect(marker);
  active_.FetchSub(1);
}

// The context's grey objects and figures become everybody's.
void Collector::Collect(Marker& marker) {
  marker.PassOn();
  const MarkCounts counts = marker.TakeCounts();
  marked_bytes_.FetchAdd(counts.marked_bytes);
  scanned_bytes_.FetchAdd(counts.scanned_bytes);
  marked_objects_.FetchAdd(counts.marked_objects);
}

void Collector::FlushBarrier(HeapThread& thread) {
  constexpr uintptr_t kLeastAddress = 4096;
  BarrierBuffer& buffer = thread.barrier;
  if (!state.is_marking()) buffer.count = 0;
  if (buffer.count == 0) return;
  active_.FetchAdd(1);
  for (uint32_t i = 0; i < buffer.count; ++i) {
    const auto word = reinterpret_cast<uintptr_t>(buffer.entries[i]);
    if (word >= kLeastAddress) thread.marker.Shade(word);
  }
  buffer.count = 0;
  Collect(thread.marker);
  active_.FetchSub(1);
}

// ---- the end

bool Collector::TryEndMark() {
  const uint64_t begin = os::MonotonicNow_ns();
  bool done = false;
  world_->Stop();
  InSection([&] {
    world_->ForEach(
        [](void* self, HeapThread& thread) { static_cast<Collector*>(self)->FlushBarrier(thread); },
        this);
    done = IsQuiet();
    if (done) EndMark();
  });
  world_->Start();
  const uint64_t stop = os::MonotonicNow_ns() - begin;
  figures_.stop2_ns += stop;
  NoteStop(stop);
  if (!done) return false;
  cycles_.FetchAdd(1);
  if (figures_.forced) totals.forced_cycles.FetchAdd(1);
  stops_[figures_.number % kStops].StoreRelease(figures_.stop1_ns + figures_.stop2_ns);
  last_ = figures_;
  return true;
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
  figures_.live_at_end = state.live.LoadAcquire();
  figures_.marked = marked_bytes_.LoadAcquire() + state.black.LoadAcquire();
  figures_.heap_scanned = scanned_bytes_.LoadAcquire();
  figures_.roots_scanned = root_bytes_.LoadAcquire();
  figures_.marked_objects = marked_objects_.LoadAcquire();
  figures_.number = cycles_.LoadAcquire() + 1;
  figures_.goal = pacer.goal();
  figures_.assist_ns = cycle_assist_ns_.Exchange(0);
  figures_.background_ns = os::ThreadProcessorTime_ns() - own_ns_;
  totals.background_ns.FetchAdd(figures_.background_ns);
  state.live.StoreRelease(figures_.marked);
  world_->SetBarrier(false);
  state.phase.StoreRelease(Phase::kOff);
  EndPace();
  store.BeginSweep();
  PaceSweep();
}

void Collector::EndPace() {
  policy::Pacer::Spent spent;
  spent.live = figures_.live_at_end;
  spent.elapsed_ns = os::MonotonicNow_ns() - figures_.start_ns;
  spent.assist_ns = figures_.assist_ns;
  spent.processors = figures_.processors;
  policy::Pacer::Marked marked;
  marked.live = figures_.marked;
  marked.heap_scan = figures_.heap_scanned;
  marked.global_scan = figures_.roots_scanned;
  pacer.End(spent, marked);
  pacer.Commit(figures_.marked, false);
  state.trigger.StoreRelease(pacer.trigger());
}

void Collector::Repace() {
  if (state.is_marking()) return;  // the end of the mark will see it
  pacer.Commit(state.live.LoadAcquire(), store.unswept() == 0);
  state.trigger.StoreRelease(pacer.trigger());
}

// ---- allocating threads do their share

uint64_t Collector::WorkFor(uint64_t debt) const {
  constexpr uint64_t kLeastWork = 64 << 10;  // more at a time: less often
  const double work = pacer.work_per_byte() * static_cast<double>(debt);
  return std::max(static_cast<uint64_t>(work), kLeastWork);
}

uint64_t Collector::TakeCredit(uint64_t work) {
  const int64_t there = state.credit.LoadAcquire();
  if (there <= 0) return 0;
  const int64_t taken = std::min(there, static_cast<int64_t>(work));
  state.credit.FetchSub(taken);
  return static_cast<uint64_t>(taken);
}

void Collector::NoteAssist(uint64_t ns) {
  assist_times.Add(ns);
  cycle_assist_ns_.FetchAddRelaxed(ns);  // relaxed: statistics
  totals.assist_ns.FetchAddRelaxed(ns);
}

void Collector::PaceSweep() {
  constexpr uint64_t kDistance = 1 << 20;
  const uint64_t live = state.live.LoadAcquire();
  const uint64_t room = state.trigger.LoadAcquire() - std::min(state.trigger.LoadAcquire(), live);
  const uint64_t bytes = std::max<uint64_t>(room - std::min(room, kDistance), kPageSize.value);
  state.sweep_basis.StoreRelease(live);
  state.sweep_slope.StoreRelease((store.pages_in_use() << 20) / bytes + 1);
}

void Collector::SweepFor(uint64_t bytes) {
  if (store.unswept() == 0) return;
  const uint64_t basis = state.sweep_basis.LoadAcquire();
  const uint64_t live = state.live.LoadAcquire();
  const uint64_t taken = live - std::min(live, basis) + bytes;
  const auto target = static_cast<uint64_t>(static_cast<double>(state.sweep_slope.LoadAcquire()) *
                                            static_cast<double>(taken) / (1 << 20));
  while (store.swept_pages() < target && SweepSome()) {}
}

}  // namespace spanheap::collected
