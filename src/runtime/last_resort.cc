// SPDX-License-Identifier: MIT
#include "runtime/last_resort.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "os/clock.h"
#include "runtime/heap_section.h"
#include "runtime/occupied.h"
#include "runtime/runtime.h"

namespace spanheap {

using collected::HeapThread;

// What a cycle frees is taken as it is; it goes back only where that does not do.
bool LastResort::AfterFailure(HeapThread& thread, size_t n, Attempts& attempts) {
  if (n > PTRDIFF_MAX || Occupied::IsInHeap()) return false;
  if (!std::exchange(attempts.has_given_back, true)) return GiveBack(thread, n);
  if (!std::exchange(attempts.has_collected, true) && CollectWithin(n)) {
    attempts.has_given_back = false;
    return true;
  }
  return Refuse(thread, n, attempts);
}

// Pages that this thread keeps for collected objects, and all else that is free.
bool LastResort::GiveBack(HeapThread& thread, size_t n) {
  {
    const HeapSection section;
    if (!section.is_open()) return false;
    collector_.store.pages().Flush(thread.cache.pages);
  }
  constexpr unsigned kFirst = 1;
  return runtime.limits.AfterFailure(n, kFirst);
}

namespace {

// The program's callback may detach the thread more often than it attaches it; the allocation that
// it interrupts needs the record.
class KeptAttached {
 public:
  explicit KeptAttached(HeapThread& thread) : thread_(thread) { thread_.attaches += kMore; }
  ~KeptAttached() { thread_.attaches -= std::min(thread_.attaches, kMore); }
  KeptAttached(const KeptAttached&) = delete;
  KeptAttached& operator=(const KeptAttached&) = delete;

 private:
  static constexpr unsigned kMore = 1U << 16;
  HeapThread& thread_;
};

}  // namespace

bool LastResort::Refuse(HeapThread& thread, size_t n, Attempts& attempts) {
  constexpr unsigned kSecond = 2;
  const auto may_go_on = [&] {
    const KeptAttached kept(thread);
    return runtime.limits.AfterFailure(n, kSecond + attempts.refusals++);
  };
  if (may_go_on()) {
    Collect();
    attempts.has_given_back = false;
    return true;
  }
  const HeapSection section;
  if (!section.is_open()) return false;
  MutexLock lock(mutex_);
  budget_.NoteRefusal();
  return false;
}

// False: no cycle is worth it.
bool LastResort::CollectWithin(size_t n) {
  return n <= runtime.pages.gauge().ceiling() && CollectIfWorth();
}

bool LastResort::CollectIfWorth() {
  if (!TryTake()) return false;
  Collect();
  return true;
}

policy::RescueBudget::Now LastResort::Now() const {
  const collected::HeapState& state = collector_.state;
  // Relaxed: counters.
  return {os::MonotonicNow_ns(), state.allocated_bytes.LoadRelaxed(), state.live.LoadRelaxed()};
}

// One that others wait for costs nothing as long as it has not begun.
bool LastResort::TryTake() {
  const HeapSection section;
  if (!section.is_open()) return false;
  MutexLock lock(mutex_);
  if (is_asking_ || thread_.IsAhead(request_)) return true;
  is_asking_ = budget_.TryTake(Now());
  return is_asking_;
}

void LastResort::Collect() {
  const uint64_t begin_ns = os::MonotonicNow_ns();
  const uint32_t request = thread_.Request(true);
  {
    const HeapSection section;
    MutexLock lock(mutex_);
    is_asking_ = false;
    if (request != 0) request_ = request;
  }
  if (request == 0) {
    thread_.Collect();  // no thread: here
  } else {
    thread_.Await(request);
  }
  const uint64_t end_ns = os::MonotonicNow_ns();
  const HeapSection section;
  MutexLock lock(mutex_);
  budget_.NoteCycle(end_ns - begin_ns, Now());
}

void LastResort::ResetInChild() {
  mutex_.ResetInChild();
  is_asking_ = false;
  request_ = 0;
}

}  // namespace spanheap
