// SPDX-License-Identifier: MIT
//
// World: what the collector needs to know and do about the program: its threads and its roots.
//
// Idea.    The room names the operations; runtime builds them of the room mutators, tests of plain
//          arrays. HeapThread is the collector's part of a thread's record.
// Threads. Called by the collector's own thread, unless it says otherwise.
// Tests.   tests/collect/model_world.h is the plain one.
#pragma once

#include "collect/allocation_cache.h"
#include "collect/marker.h"
#include "mutators/mutator.h"

namespace spanheap::collected {

struct HeapThread : Mutator {
  HeapThread(SpanStore& store, LayoutTable& layouts, MarkQueue& queue)
      : marker(store, layouts, queue) {}

  AllocationCache cache;
  Marker marker;               // for assists and for flushing the buffer; empty in between
  int64_t assist_balance = 0;  // bytes it may allocate before it must help; its own
  unsigned attaches = 0;       // calls of sh_gc_attach that are not undone; its own
  unsigned idle_waits = 0;     // for the collector, in a row, while it did nothing; its own
  // It may hold something: a thread's, or of one that is lost. Written by who takes it and who
  // gives it back; acquired by the collector, so that what it looks at has been made.
  Atomic<bool> in_use;
  HeapThread* recycled = nullptr;  // of the list of records that no thread uses
  HeapThread* older = nullptr;     // of the list of all records; constant once it is in there
};

// A word that is a root, or may be one, and where it was seen.
struct RootWord {
  enum class Place : uint8_t {
    kRoot,       // of RootSlabs
    kRange,      // of RootRanges
    kStack,      // of a thread
    kRegisters,  // of a thread, or in frames of the call in which it waits
    kLeftStack,  // of a fiber: nobody runs on it
    kWhenDead,   // what a weak handle, cleanup, finalizer or destructor holds
    kFinalizer,  // not the word's object, but what that holds
  };

  uintptr_t word;
  uintptr_t at;  // 0: in the heap's own records
  Place place;
  uint32_t thread_id;       // 0: none
  uintptr_t stack_pointer;  // of that thread

  // It may have come to light after its thread was scanned; others are written through the barrier.
  bool is_of_stack() const {
    return place == Place::kStack || place == Place::kRegisters || place == Place::kLeftStack;
  }
};

// Bytes that were looked at: in stacks, and in all other roots.
struct RootBytes {
  uint64_t stacks = 0;
  uint64_t others = 0;

  constexpr uint64_t sum() const { return stacks + others; }
};

class World {
 public:
  // All threads that use the heap are stopped outside of sections, until Start.
  virtual void Stop() = 0;
  virtual void Start() = 0;
  // Calls `visit` for each record, also of those that no thread uses: their last thread may have
  // been lost, and hold spans. The world is stopped.
  using Visit = void (*)(void* context, HeapThread& thread);
  virtual void ForEach(Visit visit, void* context) = 0;
  // Calls `visit` for each thread while it is held; the others go on.
  virtual void Handshake(Visit visit, void* context) = 0;
  // Calls `work` inside a core section: what takes locks goes in here. Not for long.
  virtual void InSection(void (*work)(void* context), void* context) = 0;
  // What stores look at; off: marking is over. The world is stopped.
  virtual void SetBarrier(bool on) = 0;
  // Marking is over, and stores note their pages until the barrier is on again. The world is
  // stopped.
  virtual void NotePages(const PageNotes& notes) = 0;

  // Up to `count` more threads may take part in this mark phase, by Collector::MarkAlong with ranks
  // from 1 on. They come when they come, if at all.
  virtual void CallHelpers(unsigned count) = 0;

  // The roots as of now become jobs 0 .. n-1; returns n. The world is stopped.
  virtual uint32_t ListRoots() = 0;
  // Shades what the job's roots hold; returns what was looked at. Each job once, on any of the
  // collector's threads. With the world running, a thread is stopped for its own stack only.
  virtual RootBytes MarkRoots(uint32_t job, Marker& marker) = 0;
  // Scans a thread that is not in the list and has not been scanned in this cycle; false: none.
  virtual bool MarkLateThread(Marker& marker) = 0;
  // Calls `visit` for each word that is a root or may be one, exact or not. The world is stopped.
  using VisitWord = void (*)(void* context, const RootWord& root);
  virtual void VisitRoots(VisitWord visit, void* context) = 0;

 protected:
  ~World() = default;
};

}  // namespace spanheap::collected
