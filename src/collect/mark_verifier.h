// SPDX-License-Identifier: MIT
//
// MarkVerifier: marks once more, plainly, with the world stopped, and compares.
//
// Idea.       A plain walk (collect/plain_walk.h) from all roots at the end of a concurrent mark.
//             What is reachable now must be marked: what is not was lost by the barrier or by the
//             marker.
// Limits.     An unmarked object that only a word on a stack leads to is passed over: it may be a
//             stale word that came to light after the scan.
// Threads.    The collector's, while the world is stopped and marking is about to end.
// Fails.      Without memory it says so, also in what it returns.
// Go.         mgc.go, mgcmark.go: checkmark mode.
// Tests.      tests/collect/collector_test.cc, tests/runtime/collected_storm_test.cc.
#pragma once

#include "collect/plain_walk.h"
#include "collect/world.h"

namespace spanheap::collected {

class Specials;

class MarkVerifier {
 public:
  constexpr MarkVerifier() = default;
  void Init(os::Memory& memory, SpanStore& store, LayoutTable& layouts, Specials& specials) {
    store_ = &store;
    specials_ = &specials;
    walk_.Init(memory, store, layouts);
  }

  // Not all could be compared, and what was is marked.
  static constexpr uint64_t kNotCompared = UINT64_MAX;

  // Returns how many reachable objects are not marked; names the first of them on stderr.
  uint64_t Run(World& world);

 private:
  uint64_t Compare(World& world);
  void ReachFromStack(uintptr_t word);
  bool IsMarked(ObjectRef object) const;
  void Report(ObjectRef object, uintptr_t from);

  SpanStore* store_ = nullptr;  // const after Init
  Specials* specials_ = nullptr;
  PlainWalk walk_;
  uint64_t missed_ = 0;  // of the running comparison
};

}  // namespace spanheap::collected
