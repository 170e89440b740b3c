// SPDX-License-Identifier: MIT
//
// ProgramWorld: the process as the collector sees it: its attached threads, their stacks, its
// roots.
//
// Idea.    collect says what it needs (collect/world.h); here it is made of the room mutators. A
//          thread's stack is scanned while that thread alone is held. Roots are jobs: pieces of the
//          list of root pages, and one for each thread.
// Threads. The collector's own threads, which are no mutators.
// Tests.   tests/runtime/collected_heap_test.cc.
#pragma once

#include "collect/world.h"
#include "mutators/mutator_registry.h"
#include "mutators/root_slabs.h"
#include "runtime/mark_threads.h"

namespace spanheap {

class ProgramWorld final : public collected::World {
 public:
  constexpr ProgramWorld(MutatorRegistry& mutators, const RootSlabs& slabs,
                         const Atomic<collected::HeapThread*>& records, MarkThreads& helpers)
      : mutators_(mutators), slabs_(slabs), records_(records), helpers_(helpers) {}

  void Stop() override;
  void Start() override;
  void ForEach(Visit visit, void* context) override;
  void Handshake(Visit visit, void* context) override;
  void InSection(void (*work)(void*), void* context) override;
  void SetBarrier(bool on) override;
  void CallHelpers(unsigned count) override { helpers_.Call(count); }
  uint32_t ListRoots() override;
  uint64_t MarkRoots(uint32_t job, collected::Marker& marker) override;
  bool MarkLateThread(collected::Marker& marker) override;
  void VisitRoots(VisitWord visit, void* context) override;

 private:
  uint64_t MarkRootPages(collected::Marker& marker);
  bool MarkOneThread(collected::Marker& marker, uint64_t& bytes);

  MutatorRegistry& mutators_;
  const RootSlabs& slabs_;
  const Atomic<collected::HeapThread*>& records_;  // the newest, linked by `older`
  MarkThreads& helpers_;
  uint64_t epoch_ = 0;           // of the running mark; the collector's thread
  uint32_t page_jobs_ = 0;       // jobs below this are root pages
  Atomic<RootPage*> next_page_;  // not given out yet in this mark
};

}  // namespace spanheap
