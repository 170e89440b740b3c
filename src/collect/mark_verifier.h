// SPDX-License-Identifier: MIT
//
// MarkVerifier: marks once more, plainly, with the world stopped, and compares.
//
// Idea.       One thread, a stack of objects, bits of its own; no queues, no slices, no black
//             allocation. At the end of a concurrent mark everything that is reachable now must be
//             marked: what is not was lost by the barrier or by the marker.
// Limits.     An unmarked object that only a word on a stack leads to is passed over: it may be a
//             stale word that came to light after the scan.
// Threads.    The collector's, while the world is stopped and marking is about to end.
// Fails.      Without memory it says so, also in what it returns.
// Go.         mgc.go, mgcmark.go: checkmark mode.
// Tests.      tests/collect/collector_test.cc, tests/runtime/collected_storm_test.cc.
#pragma once

#include "collect/layout_table.h"
#include "collect/object_finder.h"
#include "collect/world.h"
#include "pages/stepped_table.h"

namespace spanheap::collected {

class Specials;

class MarkVerifier {
 public:
  constexpr MarkVerifier() = default;
  void Init(os::Memory& memory, SpanStore& store, LayoutTable& layouts, Specials& specials) {
    memory_ = &memory;
    store_ = &store;
    layouts_ = &layouts;
    specials_ = &specials;
  }

  // Not all could be compared, and what was is marked.
  static constexpr uint64_t kNotCompared = UINT64_MAX;

  // Returns how many reachable objects are not marked; names the first of them on stderr.
  uint64_t Run(World& world);

  // By trace() of a layout.
  void Reach(uintptr_t word);

 private:
  static constexpr Bytes kStackBytes = 1_GiB;  // of address space; as deep as it gets

  bool Begin();
  uint64_t Compare(World& world);
  void ReachFromStack(uintptr_t word);
  bool IsMarked(ObjectRef object) const;
  void End();
  void Push(uintptr_t base);
  void Drain();
  void ReachContents(ObjectRef object);
  void ReachWords(uintptr_t from, uintptr_t to);
  void ReachPrecise(const sh_layout& layout, uintptr_t from, uintptr_t to);
  void Report(ObjectRef object);

  os::Memory* memory_ = nullptr;  // const after Init
  SpanStore* store_ = nullptr;
  LayoutTable* layouts_ = nullptr;
  Specials* specials_ = nullptr;
  Address bits_start_;  // of the running comparison
  Bytes bits_bytes_;
  SteppedTable bits_;  // a MarkBlock per page
  Address stack_start_;
  SteppedTable stack_ready_;
  size_t depth_ = 0;
  uintptr_t from_ = 0;  // the object that is looked through; 0: roots
  uint64_t missed_ = 0;
  bool is_out_of_memory_ = false;
};

}  // namespace spanheap::collected
