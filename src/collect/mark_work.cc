// SPDX-License-Identifier: MIT
#include "collect/mark_work.h"

#include "os/clock.h"
#include "os/futex.h"

namespace spanheap::collected {

template <class Function>
void MarkWork::InSection(Function&& function) {
  world_->InSection([](void* call) { (*static_cast<Function*>(call))(); }, &function);
}

// ---- the mark phase

void MarkWork::Begin(uint32_t noted_chunks) {
  noted_jobs_ = (noted_chunks + Marker::kChunksPerJob - 1) / Marker::kChunksPerJob;
  marked_bytes_.StoreRelease(0);
  marked_objects_.StoreRelease(0);
  heap_scanned_.StoreRelease(0);
  roots_scanned_.StoreRelease(0);
  stacks_scanned_.StoreRelease(0);
  step_ns_.StoreRelease(0);
  ListRoots();
}

// A worker that is late from the last phase sees no job until all of this is written.
void MarkWork::ListRoots() {
  root_jobs_.StoreRelease(0);
  next_root_.StoreRelease(0);
  roots_done_.StoreRelease(0);
  first_special_ = world_->ListRoots();
  first_noted_ = first_special_ + specials_.block_count();
  queue_.noted_jobs_left.StoreSequential(noted_jobs_);
  root_jobs_.StoreRelease(first_noted_ + noted_jobs_);
}

void MarkWork::End() {
  root_jobs_.StoreRelease(0);
  roots_done_.StoreRelease(0);
  queue_.Announce();  // who waits for work sees that the phase is over
}

// At the moment when nobody had entered, all that was grey lay in the queue; it was empty before,
// and nothing has been put into it since.
bool MarkWork::IsQuiet() const {
  const uint64_t passed_on = queue_.passed_on();
  return queue_.is_empty() && entered_.LoadAcquire() == 0 &&
         roots_done_.LoadAcquire() == root_jobs_.LoadAcquire() && queue_.passed_on() == passed_on;
}

// ---- threads of the collector

uint64_t MarkWork::Step(Marker& marker, uint64_t budget, Marker::ShouldStop stop, void* context) {
  BeginStep();
  const uint64_t begin_ns = os::ThreadProcessorTime_ns();
  Enter();
  uint64_t done = 0;
  while (done < budget && TakeRoot(marker, done)) {}
  InSection([&] {
    if (done < budget) done += marker.Drain(budget - done, stop, context);
    Leave(marker);
  });
  step_ns_.FetchAddRelaxed(os::ThreadProcessorTime_ns() - begin_ns);  // relaxed: a statistic
  EndStep();
  return done;
}

bool MarkWork::TakeRoot(Marker& marker, uint64_t& bytes) {
  if (next_root_.LoadAcquire() >= root_jobs_.LoadAcquire()) return false;
  const uint32_t job = next_root_.FetchAdd(1);
  if (job >= root_jobs_.LoadAcquire()) return false;
  const RootBytes scanned = MarkRoots(job, marker);
  roots_scanned_.FetchAddRelaxed(scanned.sum());  // relaxed: statistics
  stacks_scanned_.FetchAddRelaxed(scanned.stacks);
  roots_done_.FetchAdd(1);
  bytes += scanned.sum();
  return true;
}

RootBytes MarkWork::MarkRoots(uint32_t job, Marker& marker) {
  if (job < first_special_) return world_->MarkRoots(job, marker);
  if (job >= first_noted_) {
    RootBytes bytes;
    InSection([&] { bytes.others = marker.ScanNoted(job - first_noted_); });
    queue_.noted_jobs_left.FetchSub(1);
    return bytes;
  }
  InSection([&] { specials_.MarkBlock(job - first_special_, marker); });
  return {.others = 64 * sizeof(Special)};
}

bool MarkWork::MarkLateThreads(Marker& marker) {
  BeginStep();
  Enter();
  bool any = false;
  while (world_->MarkLateThread(marker)) any = true;
  InSection([&] { Leave(marker); });
  EndStep();
  return any;
}

void MarkWork::EndDoomed(Marker& marker) {
  BeginStep();
  Enter();
  for (uint32_t block = 0; block < specials_.block_count(); ++block) {
    InSection([&] { specials_.EndDoomed(block, marker); });
  }
  InSection([&] { Leave(marker); });
  EndStep();
}

// ---- contexts

uint64_t MarkWork::Help(Marker& marker, uint64_t budget, Marker::ShouldStop stop, void* context) {
  Enter();
  const uint64_t done = marker.Drain(budget, stop, context);
  Leave(marker);
  return done;
}

void MarkWork::Leave(Marker& marker) {
  Collect(marker);
  if (entered_.FetchSub(1) == 1 && queue_.is_empty()) queue_.Announce();
}

// The context's grey objects and figures become everybody's.
void MarkWork::Collect(Marker& marker) {
  marker.PassOn();
  const MarkCounts counts = marker.TakeCounts();
  marked_bytes_.FetchAdd(counts.marked_bytes);
  heap_scanned_.FetchAdd(counts.scanned_bytes);
  marked_objects_.FetchAdd(counts.marked_objects);
}

// ---- fork

// Whoever begins a step counts itself and then looks for a pause; who pauses sets it and then looks
// at the count. Each is a read-modify-write, so one of the two sees the other.
void MarkWork::BeginStep() {
  for (;;) {
    in_step_.FetchAdd(1);
    const uint32_t pauses = paused_.FetchAdd(0);
    if (pauses == 0) return;
    EndStep();
    os::FutexWait(paused_, pauses);
  }
}

void MarkWork::Pause() {
  paused_.FetchAdd(1);
  constexpr uint64_t kNap_ns = 20'000;  // a step is some tens of microseconds
  while (in_step_.FetchAdd(0) != 0) os::SleepFor_ns(kNap_ns);
}

void MarkWork::Resume() {
  if (paused_.FetchSub(1) == 1) os::FutexWakeAll(paused_);
}

void MarkWork::ResetInChild() {
  in_step_.StoreRelease(0);  // who was about to find the pause is gone, and others that fork
  paused_.StoreRelease(0);
  entered_.StoreRelease(0);
}

}  // namespace spanheap::collected
