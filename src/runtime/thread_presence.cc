// SPDX-License-Identifier: MIT
//
// The part of ThreadRegistry that counts who may open sections, and tells when it is one thread.
#include "base/check.h"
#include "runtime/occupied.h"
#include "runtime/runtime.h"
#include "runtime/thread_registry.h"
#include "sync/alone.h"

namespace spanheap {

void ThreadRegistry::Arrive() {
  const Occupied occupied;
  MutexLock lock(mutex_);
  ArriveLocked();
}

void ThreadRegistry::Depart() {
  const Occupied occupied;
  MutexLock lock(mutex_);
  DepartLocked();
}

bool ThreadRegistry::Rest() {
  if (this_thread.presence == 0) return false;
  SPANHEAP_DCHECK(this_thread.presence == 1);
  Depart();
  return true;
}

void ThreadRegistry::ArriveLocked() {
  if (this_thread.presence++ > 0) return;
  if (++present_ == 1) SetAlone(true);
  if (present_ == 2) EndAlone();
}

// Another thread may be in a section that relies on being the only one.
void ThreadRegistry::EndAlone() {
  runtime_.gate.Close();
  AwaitOthersOutside();
  SetAlone(false);
  runtime_.gate.Open();
}

// What this thread has done is done: whoever is left may go on without atomics in mid-section.
void ThreadRegistry::DepartLocked() {
  if (--this_thread.presence > 0) return;
  if (--present_ == 1) SetAlone(true);
}

}  // namespace spanheap
