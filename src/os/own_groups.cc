// SPDX-License-Identifier: MIT
#include "os/own_groups.h"

#include "base/atomic.h"

namespace spanheap::os {
namespace {

enum State : uint32_t { kUnknown, kBeingFound, kFound };

constinit Atomic<uint32_t> state{kUnknown};
// Constant once `state` is kFound.
constinit CgroupMemory groups;

template <class Read>
auto Ask(Read read) {
  uint32_t unknown = kUnknown;
  if (state.CompareExchangeStrong(unknown, kBeingFound)) {
    groups.Find();
    state.StoreRelease(kFound);
  } else if (state.LoadAcquire() != kFound) {
    CgroupMemory own;
    own.Find();
    return read(own);
  }
  return read(groups);
}

}  // namespace

Bytes ReadGroupLimit() {
  return Ask([](const CgroupMemory& of) { return of.Read(); });
}

GroupState ReadGroupState() {
  return Ask([](const CgroupMemory& of) { return of.ReadState(); });
}

void ForgetGroupsInChild() {
  // Relaxed: one thread is left. Not written if that changes nothing: the page stays shared.
  if (state.LoadRelaxed() != kUnknown) state.StoreRelaxed(kUnknown);
}

}  // namespace spanheap::os
