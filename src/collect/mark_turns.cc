// SPDX-License-Identifier: MIT
#include "collect/mark_turns.h"

#include <algorithm>

#include "os/clock.h"
#include "os/futex.h"
#include "os/thread.h"

namespace spanheap::collected {

void MarkTurns::Begin(unsigned processors) {
  processors_.StoreRelease(processors);
  last_sample_ = SampleNow();
  begin_ns_ = last_sample_.time_ns;
  SetWindow(last_sample_);
  NoteUse(last_sample_);
}

// To look whether it may go on costs the program a change of threads: it looks less and less often.
void MarkTurns::Await(unsigned rank) {
  constexpr uint64_t kShortest_ns = 100'000;
  constexpr uint64_t kLongest_ns = 1'000'000;
  for (uint64_t rest_ns = kShortest_ns;; rest_ns = std::min(rest_ns * 2, kLongest_ns)) {
    const Sample now = SampleNow();
    if (rank == 0) MoveWindow(now);
    if (policy::MayMark(UseSince(now), rank) || !work_.HasWork()) return;
    os::SleepFor_ns(rest_ns);
  }
}

// ---- giving way

MarkTurns::Asking::Asking(MarkTurns& turns) : turns_(turns) { turns_.asking_.StoreRelease(1); }

MarkTurns::Asking::~Asking() {
  turns_.asking_.StoreRelease(0);
  os::FutexWakeAll(turns_.asking_);
}

void MarkTurns::AwaitAnswers() {
  while (asking_.LoadAcquire() != 0) os::FutexWait(asking_, 1);
}

// ---- who has used the processors

MarkTurns::Sample MarkTurns::SampleNow() const {
  return {os::MonotonicNow_ns(), os::ProcessProcessorTime_ns(), work_.step_ns()};
}

void MarkTurns::MoveWindow(const Sample& now) {
  constexpr uint64_t kWindow_ns = 10'000'000;
  if (now.time_ns - last_sample_.time_ns < kWindow_ns) return;
  SetWindow(last_sample_);
  last_sample_ = now;
  NoteUse(now);
}

void MarkTurns::NoteUse(const Sample& now) {
  // Relaxed: statistics; those of background workers are written by this thread.
  const uint64_t collector_ns =
      totals_.assist_ns.LoadRelaxed() + totals_.background_ns.LoadRelaxed();
  pace_.NoteUse(now.process_ns, collector_ns + now.marking_ns);
}

void MarkTurns::SetWindow(const Sample& sample) {
  window_start_ns_.StoreRelease(sample.time_ns);
  window_process_ns_.StoreRelease(sample.process_ns);
  window_marking_ns_.StoreRelease(sample.marking_ns);
}

// The window may move meanwhile: a hint that is wrong once.
policy::MarkUse MarkTurns::UseSince(const Sample& now) const {
  const auto since = [](uint64_t at, const Atomic<uint64_t>& start) {
    return at - std::min(at, start.LoadAcquire());
  };
  policy::MarkUse use;
  use.processors = processors();
  use.elapsed_ns = since(now.time_ns, window_start_ns_);
  use.process_ns = since(now.process_ns, window_process_ns_);
  use.marking_ns = since(now.marking_ns, window_marking_ns_);
  use.limiting = pace_.is_limiting();
  return use;
}

}  // namespace spanheap::collected
