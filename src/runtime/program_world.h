// SPDX-License-Identifier: MIT
//
// ProgramWorld: the process as the collector sees it: its attached threads, their stacks, its
// roots.
//
// Idea.    collect says what it needs (collect/world.h); here it is made of the room mutators.
//          Stacks are copied in the stop with which a mark begins, if little is on them and no type
//          is known whose words may change unseen, else each is scanned while its thread alone is
//          held. Roots are jobs: the copy, pieces of the list
//          of root pages, and one for each thread.
// Threads. The collector's own threads, which are no mutators.
// Tests.   tests/runtime/collected_heap_test.cc.
#pragma once

#include "collect/world.h"
#include "mutators/barrier.h"
#include "mutators/mutator_registry.h"
#include "mutators/root_slabs.h"
#include "runtime/mark_threads.h"

namespace spanheap {

class ProgramWorld final : public collected::World {
 public:
  constexpr ProgramWorld(MutatorRegistry& mutators, const RootSlabs& slabs,
                         const Atomic<collected::HeapThread*>& records, MarkThreads& helpers,
                         const collected::LayoutTable& layouts)
      : mutators_(mutators),
        slabs_(slabs),
        records_(records),
        helpers_(helpers),
        layouts_(layouts) {}

  void Stop() override;
  void Start() override;
  void ForEach(Visit visit, void* context) override;
  void Handshake(Visit visit, void* context) override;
  void InSection(void (*work)(void*), void* context) override;
  void SetBarrier(bool on) override;
  void NotePages(const PageNotes& notes) override { SetNoting(notes); }
  void CallHelpers(unsigned count) override { helpers_.Call(count); }
  uint32_t ListRoots() override;
  collected::RootBytes MarkRoots(uint32_t job, collected::Marker& marker) override;
  bool MarkLateThread(collected::Marker& marker) override;
  void VisitRoots(VisitWord visit, void* context) override;

 private:
  // Words of stacks that are looked at while the world is stopped. More lengthens the stop, by some
  // 10 us for each 8192, and lets programs with more threads have the cheaper barrier.
  static constexpr size_t kMostCopied = 16384;

  void CopyStacks();
  static void Copy(const WordRanges& ranges, void* self);
  uint64_t MarkCopied(collected::Marker& marker);
  uint64_t MarkRootPages(collected::Marker& marker);
  bool MarkOneThread(collected::Marker& marker, collected::RootBytes& bytes);

  MutatorRegistry& mutators_;
  const RootSlabs& slabs_;
  const Atomic<collected::HeapThread*>& records_;  // the newest, linked by `older`
  MarkThreads& helpers_;
  const collected::LayoutTable& layouts_;
  uint64_t epoch_ = 0;           // of the running mark; the collector's thread
  uint32_t page_jobs_ = 0;       // jobs from 1 on: root pages; then threads
  Atomic<RootPage*> next_page_;  // not given out yet in this mark
  // Written while the world is stopped, as what follows.
  bool has_copy_ = false;   // of all stacks, made in this mark
  uint64_t looked_at_ = 0;  // bytes of stacks
  size_t copied_ = 0;
  uintptr_t copy_[kMostCopied];  // [0, copied_): what may be pointers; not touched before
};

}  // namespace spanheap
