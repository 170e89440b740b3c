// SPDX-License-Identifier: MIT
#include "collect/collector.h"

#include <new>

#include "base/check.h"
#include "os/clock.h"
#include "os/futex.h"

namespace spanheap::collected {
namespace {

// Bytes scanned between looks at what others do; the length of a section, too.
constexpr uint64_t kSlice = 64 << 10;

}  // namespace

bool Collector::Init(os::Memory& memory, MetadataArena& metadata, World& world) {
  if (!store.Init(memory, metadata)) return false;
  layouts.Init(metadata);
  queue.Init(metadata);
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
  FinishSweep();
  BeginMark();
  FinishMark();
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

void Collector::ResetInChild() {
  store.ResetInChild();
  layouts.ResetInChild();
  queue.ResetInChild();
}

void Collector::BeginMark() {
  const uint64_t begin = os::MonotonicNow_ns();
  world_->Stop();
  InSection([&] { BeginMarkStopped(); });
  world_->Start();
  figures_.stop1_ns = os::MonotonicNow_ns() - begin;
}

void Collector::BeginMarkStopped() {
  figures_.live_at_start = state.live.LoadAcquire();
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
    static_cast<Collector*>(self)->allocator.MarkClaimed(thread.cache);
  };
  world_->ForEach(mark_claimed, this);
  ListRoots();
}

void Collector::ListRoots() {
  next_root_.StoreRelease(0);
  roots_done_.StoreRelease(0);
  root_jobs_.StoreRelease(world_->ListRoots());
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
  active_.FetchAdd(1);
  bool any = false;
  while (world_->MarkLateThread(*marker_)) any = true;
  InSection([&] { Collect(*marker_); });
  active_.FetchSub(1);
  return any;
}

bool Collector::IsQuiet() const {
  return roots_done_.LoadAcquire() == root_jobs_.LoadAcquire() && active_.LoadAcquire() == 0 &&
         queue.is_empty();
}

void Collector::MarkRootsAndDrain() {
  while (!IsQuiet()) {
    if (Work(*marker_, kSlice) == 0) os::YieldThread();
  }
}

// ---- one worker's share

uint64_t Collector::Work(Marker& marker, uint64_t budget) {
  active_.FetchAdd(1);
  uint64_t done = 0;
  while (done < budget && next_root_.LoadAcquire() < root_jobs_.LoadAcquire()) {
    const uint32_t job = next_root_.FetchAdd(1);
    if (job >= root_jobs_.LoadAcquire()) break;
    const uint64_t bytes = world_->MarkRoots(job, marker);
    root_bytes_.FetchAddRelaxed(bytes);  // relaxed: a statistic
    roots_done_.FetchAdd(1);
    done += bytes;
  }
  InSection([&] {
    if (done < budget) done += marker.Drain(budget - done);
    Collect(marker);
  });
  active_.FetchSub(1);
  return done;
}

uint64_t Collector::Help(Marker& marker, uint64_t budget, Marker::ShouldStop stop, void* context) {
  active_.FetchAdd(1);
  const uint64_t done = marker.Drain(budget, stop, context);
  Collect(marker);
  active_.FetchSub(1);
  return done;
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
  figures_.stop2_ns += os::MonotonicNow_ns() - begin;
  if (done) cycles_.FetchAdd(1);
  return done;
}

void Collector::EndMark() {
  state.phase.StoreRelease(Phase::kTermination);
  figures_.live_at_end = state.live.LoadAcquire();
  figures_.marked = marked_bytes_.LoadAcquire() + state.black.LoadAcquire();
  figures_.heap_scanned = scanned_bytes_.LoadAcquire();
  figures_.roots_scanned = root_bytes_.LoadAcquire();
  figures_.marked_objects = marked_objects_.LoadAcquire();
  figures_.number = cycles_.LoadAcquire() + 1;
  state.live.StoreRelease(figures_.marked);
  world_->SetBarrier(false);
  state.phase.StoreRelease(Phase::kOff);
  store.BeginSweep();
}

}  // namespace spanheap::collected
