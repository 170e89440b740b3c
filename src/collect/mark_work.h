// SPDX-License-Identifier: MIT
//
// MarkWork: one mark phase as those see it who do it: root jobs, grey work in the queue, and who is
// at it.
//
// Idea.       Any number of threads of the collector take steps: root jobs first, then what is
//             grey, about a slice at a time. Between steps a context is empty, what it found lies
//             in the queue, and whoever finds nothing there sleeps until somebody puts something in
//             or the last one leaves. Threads of the program help for a while, too.
// Picture.    Enter --> roots, drain --> pass on --> Leave;  the last to leave wakes who sleeps
// Invariants. Grey objects are in the queue, or in a context that has entered and not left, or in a
//             barrier's buffer. in_step <= entered.
// Threads.    Begin and End: world stopped. Everything else: any.
// Fails.      Never.
// Go.         mgc.go gcMarkDone (nwait == nproc), mgcmark.go gcDrain, mgcwork.go.
// Tests.      tests/collect/mark_work_test.cc.
#pragma once

#include "base/atomic.h"
#include "collect/specials.h"
#include "collect/world.h"

namespace spanheap::collected {

class MarkWork {
 public:
  constexpr MarkWork(MarkQueue& queue, Specials& specials) : queue_(queue), specials_(specials) {}
  void Init(World& world) { world_ = &world; }

  // --- The mark phase ---
  // `noted_chunks`: of pages that may have been stored into since the last mark.
  void Begin(uint32_t noted_chunks);
  // The roots as of now become jobs, all anew.
  void ListRoots();
  void End();
  // Nothing is grey in contexts or in the queue, and no root is left. With the world stopped that
  // stays so; otherwise buffers of the barrier may bring more.
  bool IsQuiet() const;
  // A step would find something.
  bool HasWork() const {
    return !queue_.is_empty() || next_root_.LoadAcquire() < root_jobs_.LoadAcquire();
  }

  // --- Threads of the collector, outside of sections ---
  // Roots and grey objects until about `budget` bytes are scanned, or `stop` (if given) says so.
  // Returns how many were; 0: there is nothing to do just now.
  uint64_t Step(Marker& marker, uint64_t budget, Marker::ShouldStop stop = nullptr,
                void* context = nullptr);
  // Threads that came while the roots were scanned. True: there were any.
  bool MarkLateThreads(Marker& marker);
  // What the doomed reach becomes grey; see Specials.
  void EndDoomed(Marker& marker);
  // Sleeps until there may be something to do again. `seen`: news() from before it looked.
  uint32_t news() const { return queue_.news(); }
  void AwaitNews(uint32_t seen) { queue_.AwaitNews(seen); }

  // --- Inside a section: threads of the program, or on behalf of one that is held ---
  uint64_t Help(Marker& marker, uint64_t budget, Marker::ShouldStop stop, void* context);
  // A context may hold grey objects from here on; and no more.
  void Enter() { entered_.FetchAdd(1); }
  void Leave(Marker& marker);
  // After a thread has shaded something.
  void PassOn(Marker& marker) {
    Enter();
    Leave(marker);
  }

  // --- Fork: from here on no thread of the collector is in the middle of a step ---
  void Pause();
  void Resume();
  void ResetInChild();

  uint64_t marked_bytes() const { return marked_bytes_.LoadAcquire(); }
  uint64_t marked_objects() const { return marked_objects_.LoadAcquire(); }
  // In objects, and in roots. As of some moment.
  uint64_t heap_scanned() const { return heap_scanned_.LoadAcquire(); }
  uint64_t roots_scanned() const { return roots_scanned_.LoadAcquire(); }
  uint64_t stacks_scanned() const { return stacks_scanned_.LoadAcquire(); }  // of these
  // Processor time of steps.
  uint64_t step_ns() const { return step_ns_.LoadAcquire(); }

 private:
  template <class Function>
  void InSection(Function&& function);
  void BeginStep();
  void EndStep() { in_step_.FetchSub(1); }
  bool TakeRoot(Marker& marker, uint64_t& bytes);
  RootBytes MarkRoots(uint32_t job, Marker& marker);
  void Collect(Marker& marker);

  MarkQueue& queue_;
  Specials& specials_;
  World* world_ = nullptr;      // const after Init
  uint32_t first_special_ = 0;  // jobs from here on are blocks of specials; const while marking
  uint32_t first_noted_ = 0;    // and from here on chunks of noted pages
  uint32_t noted_jobs_ = 0;     // of these; const while marking
  Atomic<uint32_t> root_jobs_;  // 0: none are listed
  Atomic<uint32_t> next_root_;
  Atomic<uint32_t> roots_done_;
  Atomic<uint32_t> in_step_;  // threads of the collector with grey objects of their own
  Atomic<uint32_t> paused_;   // threads that fork; a futex word
  Atomic<uint32_t> entered_;  // contexts that may hold grey objects
  Atomic<uint64_t> marked_bytes_;
  Atomic<uint64_t> marked_objects_;
  Atomic<uint64_t> heap_scanned_;
  Atomic<uint64_t> roots_scanned_;
  Atomic<uint64_t> stacks_scanned_;
  Atomic<uint64_t> step_ns_;
};

}  // namespace spanheap::collected
