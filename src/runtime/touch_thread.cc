// SPDX-License-Identifier: MIT
#include "runtime/touch_thread.h"

#include "os/futex.h"
#include "runtime/heap_section.h"

namespace spanheap {

void TouchThread::WakeUp() {
  {
    MutexLock lock(start_mutex_);
    if (!is_running_) is_running_ = thread_.Start(this);
  }
  wanted_.FetchAdd(1);
  os::FutexWakeOne(wanted_);
}

void TouchThread::Main(void* self) {
  auto& mine = *static_cast<TouchThread*>(self);
  for (;;) {
    const uint32_t wanted = mine.wanted_.LoadAcquire();
    while (!mine.state_.is_marking() && mine.TouchNext()) {}
    os::FutexWait(mine.wanted_, wanted);
  }
}

// A fork waits for sections, but not for the touch.
bool TouchThread::TouchNext() {
  PageRun run;
  {
    const HeapSection section;
    if (section.is_open()) run = pages_.TakeAhead();
  }
  if (!run) return false;
  const bool was_touched = pages_.TouchAhead(run);
  const HeapSection section;
  pages_.ReturnAhead(was_touched);
  return true;
}

void TouchThread::ResetInChild() {
  start_mutex_.ResetInChild();
  is_running_ = false;
}

}  // namespace spanheap
