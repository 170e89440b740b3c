// SPDX-License-Identifier: MIT
#include "runtime/epoch_report.h"

#include "runtime/heap.h"
#include "runtime/occupied.h"

namespace spanheap {

namespace {
constinit HeapReport counted{};
}  // namespace

constinit EpochReport epoch_report(counted);

void EpochReport::CountLocked() {
  heap::ReadReport(report_);
  is_counted_ = true;
}

// Occupied comes before the lock: a thread that holds it is not stopped.

uint64_t EpochReport::Next() {
  const Occupied occupied;
  MutexLock lock(mutex_);
  CountLocked();
  return ++passed_ + 1;
}

uint64_t EpochReport::Now() {
  const Occupied occupied;
  MutexLock lock(mutex_);
  return passed_ + 1;
}

void EpochReport::LookAt(Look look, void* context) {
  const Occupied occupied;
  MutexLock lock(mutex_);
  if (!is_counted_) CountLocked();
  look(report_, context);
}

}  // namespace spanheap

namespace spanheap::heap {

uint64_t NextEpoch() { return epoch_report.Next(); }
uint64_t Epoch() { return epoch_report.Now(); }
void LookAtEpoch(EpochLook look, void* context) { epoch_report.LookAt(look, context); }

}  // namespace spanheap::heap
