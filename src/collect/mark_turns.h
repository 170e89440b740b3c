// SPDX-License-Identifier: MIT
//
// MarkTurns: whose turn the processors are while marking goes on.
//
// Idea.       Marking takes a quarter of the processors, and what nobody else of the process uses
//             (policy/mark_share.h): a worker that would take more rests. What counts is the last
//             while, 10 to 20 ms: what the program left alone before is not held against the mark
//             when the program wants it back. And while threads of the program are asked to
//             stop, workers step aside: where all processors are busy, a thread that has to wait
//             for one keeps all those waiting that have stopped already.
// Threads.    Begin: world stopped. Asking, Await with rank 0: the collector's thread. Else: any.
// Go.         mgcpacer.go findRunnableGCWorker; there a stop takes the processors away.
// Tests.      tests/policy/mark_share_test.cc, tests/runtime/mark_threads_test.cc.
#pragma once

#include "collect/collector_figures.h"
#include "collect/heap_pace.h"
#include "collect/mark_work.h"
#include "policy/mark_share.h"

namespace spanheap::collected {

class MarkTurns {
 public:
  constexpr MarkTurns(const MarkWork& work, HeapPace& pace, const CollectorTotals& totals)
      : work_(work), pace_(pace), totals_(totals) {}

  void Begin(unsigned processors);
  // Monotonic: when this mark began, or went on in a forked child.
  uint64_t begin_ns() const { return begin_ns_; }
  unsigned processors() const { return processors_.LoadAcquire(); }

  // Rests until the worker of that rank may take another slice, or there is nothing to do.
  void Await(unsigned rank);

  // While this exists, threads of the program are to answer, and workers step aside.
  class Asking {
   public:
    explicit Asking(MarkTurns& turns);
    ~Asking();
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;

   private:
    MarkTurns& turns_;
  };
  // Marker::ShouldStop, of a MarkTurns. Relaxed: a hint.
  static bool MustGiveWay(void* self) {
    return static_cast<MarkTurns*>(self)->asking_.LoadRelaxed() != 0;
  }
  // Sleeps while threads are asked.
  void AwaitAnswers();

  void ResetInChild() { asking_.StoreRelease(0); }

 private:
  // Clocks at some moment of a mark phase.
  struct Sample {
    uint64_t time_ns = 0;     // monotonic
    uint64_t process_ns = 0;  // processor time of the process
    uint64_t marking_ns = 0;  // of the steps of this phase
  };
  Sample SampleNow() const;
  void MoveWindow(const Sample& now);
  void SetWindow(const Sample& sample);
  policy::MarkUse UseSince(const Sample& now) const;
  void NoteUse(const Sample& now);

  const MarkWork& work_;
  HeapPace& pace_;
  const CollectorTotals& totals_;
  Atomic<uint32_t> processors_{1};  // written with the world stopped
  Atomic<uint32_t> asking_;         // 0 or 1; a futex word
  uint64_t begin_ns_ = 0;           // the collector's thread
  Sample last_sample_;              // taken some 10 ms ago; the collector's thread
  // The sample before that: since then who uses the processors is looked at. The collector's thread
  // writes, all that mark read.
  Atomic<uint64_t> window_start_ns_;
  Atomic<uint64_t> window_process_ns_;
  Atomic<uint64_t> window_marking_ns_;
};

}  // namespace spanheap::collected
