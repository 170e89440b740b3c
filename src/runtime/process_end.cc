// SPDX-License-Identifier: MIT
#include "runtime/process_end.h"

#include <algorithm>
#include <cstdlib>

#include "os/futex.h"
#include "os/sleeper.h"
#include "os/thread.h"
#include "runtime/collected_heap.h"
#include "runtime/thread_registry.h"

namespace spanheap {
namespace {

// Who says that it ends is gone by then, mostly. More delays the end of the process, less looks
// more often while threads come and go.
constexpr uint64_t kShortest_ns = 5'000'000;
constexpr uint64_t kLongest_ns = 1024 * kShortest_ns;
// The first thread is there, and unknown to the heap: as a rule it stays.
constexpr uint64_t kLongestBesideFirst_ns = 8 * kLongest_ns;

}  // namespace

// ---- service threads

void ProcessEnd::Enter() {
  this_thread.is_service = true;
  entered_.FetchAdd(1);
}

void ProcessEnd::Leave() { left_.FetchAdd(1); }

// A child that was made without fork's handlers (a bare clone, _Fork) has its parent's counts, and
// none of the threads.
void ProcessEnd::NoticeBareChild() {
  const uint32_t process = os::ProcessId();
  const uint32_t before = process_.Exchange(process);
  if (before != process && before != 0) ResetInChild();
}

void ProcessEnd::NoteStart() {
  NoticeBareChild();
  if (!this_thread.is_service) blocked_.StoreRelease(os::BlockedSignals());
  any_service_.StoreSequential(1);
}

// Who started it may have told of its own end before.
void ProcessEnd::NoticeStarted() {
  if (has_first_ended_.LoadSequential() != 0) Suspect();
}

// ---- threads of the program

void ProcessEnd::NoticeThreadEnd(bool is_first) {
  if (this_thread.is_service) return;
  if (any_service_.LoadSequential() != 0) NoticeBareChild();
  if (is_first) has_first_ended_.StoreSequential(1);
  if (any_service_.LoadSequential() == 0) return;
  if (has_first_ended_.LoadAcquire() != 0 || threads_.of_program() == 0) Suspect();
}

void ProcessEnd::Suspect() {
  news_.FetchAdd(1);
  if (is_watching_.Exchange(1) != 0) return os::FutexWakeOne(news_);
  if (!watch_.Start(this)) is_watching_.StoreRelease(0);  // whoever ends next tries again
}

void ProcessEnd::LookAtFirst() {
  os::ThreadsLeft threads;
  if (!os::CountThreads(threads) || !threads.has_first_ended) return;
  if (has_first_ended_.Exchange(1) == 0) Suspect();
}

// A finalizer may start a thread and a service thread may end between two of these looks: then what
// was seen before and after differs. Only the program's threads start others of the program's.
bool ProcessEnd::IsDue() const {
  if (process_.LoadAcquire() != os::ProcessId()) return false;  // the counts are the parent's
  const CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  const uint64_t queued = heap == nullptr ? 0 : heap->queued();
  if (heap != nullptr && heap->is_running_queued()) return false;
  const uint32_t entered = entered_.LoadAcquire();
  const uint32_t left = left_.LoadAcquire();
  os::ThreadsLeft threads;
  if (!os::CountThreads(threads) || threads.count != entered - left) return false;
  return entered_.LoadAcquire() == entered && left_.LoadAcquire() == left &&
         (heap == nullptr || heap->queued() == queued);
}

// ---- the thread that looks

// The first wait is not cut short: who is about to end needs a moment, and many may end.
void ProcessEnd::Wait(uint32_t seen, uint64_t wait_ns) {
  const bool has_first_ended = has_first_ended_.LoadAcquire() != 0;
  if (!has_first_ended && threads_.of_program() != 0) {
    os::FutexWait(news_, seen);
  } else if (wait_ns == kShortest_ns) {
    os::SleepFor_ns(wait_ns);
  } else {
    os::FutexWaitFor_ns(news_, seen, has_first_ended ? std::min(wait_ns, kLongest_ns) : wait_ns);
  }
}

void ProcessEnd::Watch() {
  uint64_t wait_ns = kShortest_ns;
  for (;;) {
    const uint32_t seen = news_.LoadAcquire();
    Wait(seen, wait_ns);
    if (IsDue()) End();
    const bool is_new = news_.LoadAcquire() != seen;
    wait_ns = is_new ? kShortest_ns : std::min(2 * wait_ns, kLongestBesideFirst_ns);
  }
}

// As libc does on the last thread, which is not deaf to signals, nor on a small stack. The mask is
// that of a thread of the program: the watch itself may have been started by a service thread.
void ProcessEnd::End() {
  Leave();
  this_thread.is_service = false;
  os::SetBlockedSignals(blocked_.LoadAcquire());
  exit(0);
}

// What the forking thread starts with is a process of its own. One of the heap's threads is that in
// the child, too.
void ProcessEnd::ResetInChild() {
  process_.StoreRelease(os::ProcessId());
  entered_.StoreRelease(this_thread.is_service ? 1 : 0);
  left_.StoreRelease(0);
  any_service_.StoreRelease(this_thread.is_service ? 1 : 0);
  has_first_ended_.StoreRelease(0);
  is_watching_.StoreRelease(0);
}

}  // namespace spanheap
