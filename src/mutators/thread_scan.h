// SPDX-License-Identifier: MIT
//
// ThreadScan: scans the stacks of threads, each while it is held, and no longer than that.
//
// Idea.       Threads that were not scanned yet are pinned, and asked one by one. Who has a
//             processor answers within microseconds, is scanned and let go; but where there are
//             more threads than processors, who is asked may wait for its turn for milliseconds.
//             So the next is asked as soon as the last one does not answer at once, and whoever
//             gets its turn is scanned then: all of them cost one turn, not one each.
// Invariants. It waits for others to let go of a thread only while it holds none itself, and takes
//             no lock while it holds any: who stops the world waits for what it holds, with the
//             list locked.
// Threads.    Who is no mutator, or parked.
// Go.         mgcmark.go markroot (suspendG, one at a time).
// Tests.      tests/mutators/mutator_registry_test.cc, hiding_places_test.cc.
#pragma once

#include "mutators/handshake.h"
#include "mutators/mutator_registry.h"

namespace spanheap {

class ThreadScan {
 public:
  ThreadScan(MutatorRegistry& registry, uint64_t epoch, ShadeWords shade, void* argument)
      : registry_(registry), epoch_(epoch), shade_(shade), argument_(argument) {}

  // Takes up to kMost threads that nobody has taken in this epoch and scans them; adds up the
  // bytes. False: there are none.
  bool Run(uint64_t& bytes);

 private:
  static constexpr uint32_t kMost = 32;

  bool AskNext();
  // False: none of those who were asked is held yet.
  bool ScanHeld(uint64_t& bytes);
  void Scan(Mutator& mutator, uint64_t& bytes);

  MutatorRegistry& registry_;
  const uint64_t epoch_;
  const ShadeWords shade_;
  void* const argument_;
  Handshake handshake_{true};
  // [0, asked_) were asked and are not scanned, [next_, count_) are still to be asked.
  Mutator* taken_[kMost];
  uint32_t asked_ = 0;
  uint32_t next_ = 0;
  uint32_t count_ = 0;
};

}  // namespace spanheap
