// SPDX-License-Identifier: MIT
#include "runtime/collector_thread.h"

#include "mutators/blocking_region.h"
#include "os/futex.h"
#include "os/thread.h"

namespace spanheap {

bool CollectorThread::EnsureRunning() {
  MutexLock lock(start_mutex_);
  if (!is_running_) is_running_ = os::StartThread(Main, this);
  return is_running_;
}

uint32_t CollectorThread::Request(bool forced) {
  if (!EnsureRunning()) return 0;
  const uint32_t mine = requested_.FetchAdd(1) + 1;
  if (forced) forced_.StoreRelease(mine);
  os::FutexWakeAll(requested_);
  return mine;
}

void CollectorThread::Await(uint32_t request) {
  const BlockingRegion waiting;
  for (;;) {
    const uint32_t served = served_.LoadAcquire();
    // Numbers wrap: what counts is which is ahead.
    if (static_cast<int32_t>(served - request) >= 0) return;
    os::FutexWait(served_, served);
  }
}

void CollectorThread::Main(void* self) {
  auto& mine = *static_cast<CollectorThread*>(self);
  for (;;) {
    const uint32_t requested = mine.requested_.LoadAcquire();
    if (requested == mine.served_.LoadAcquire()) {
      os::FutexWait(mine.requested_, requested);
    } else {
      mine.Serve();
    }
  }
}

void CollectorThread::Serve() {
  const uint32_t request = requested_.LoadAcquire();
  const bool forced = static_cast<int32_t>(forced_.LoadAcquire() - served_.LoadAcquire()) > 0;
  collector_.RunCycle(forced);
  due_.StoreRelease(0);
  collector_.FinishSweep();
  if (forced) collector_.SweepHeldByAll();
  served_.StoreRelease(request);
  os::FutexWakeAll(served_);
}

void CollectorThread::ResetInChild() {
  start_mutex_.ResetInChild();
  is_running_ = false;
}

}  // namespace spanheap
