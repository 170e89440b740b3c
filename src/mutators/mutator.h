// SPDX-License-Identifier: MIT
//
// Mutator: the record of a thread that uses the collected heap, as the collector sees it.
//
// Picture.    kDetached --Attach--> kRunning --asked---> kStopped --released--> kRunning
//                                   kRunning --Park----> kParked  --Unpark----> kRunning
//                                                        kParked  <--claim----> kHeld
// Idea.       A thread that runs is stopped by a signal and waits in the handler, or where it looks
//             whether it is asked (stop_signal.h). A thread that is parked touches nothing of the
//             collected heap; it has written down where its stack begins, and may be held without
//             being disturbed: it only finds itself unable to unpark until it is released. Who
//             makes itself stopped or held passes "answering".
// Invariants. At most one other thread holds a mutator at a time (`hold`). While it is held, its
//             stack, registers and buffers are as the holder sees them: words() is exact.
//             Records are recycled, never freed: a late signal finds one.
// Threads.    As each field says; "held" means that the holder may read and write.
// Tests.      tests/mutators.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "mutators/barrier_buffer.h"
#include "mutators/stack_record.h"
#include "mutators/word_ranges.h"

namespace spanheap {

class Handshake;
class MutatorRegistry;

enum class MutatorState : uint32_t {
  kDetached,
  kRunning,
  kParked,
  kAnswering,  // for a moment: the thread itself looks who asks, on its way to held or stopped
  kHeld,
  kStopped
};

struct alignas(kCacheLine) Mutator {
  Atomic<MutatorState> state;
  Atomic<uint32_t> hold;       // 0: nobody's; 1: held or about to be; 2: and somebody waits
  Atomic<Handshake*> request;  // not null: somebody wants to hold this thread
  Atomic<bool> is_dead;        // the thread has ended without detaching
  uint32_t sleeps = 0;         // waits that it sleeps in, one in a handler of another; its own
  uint32_t thread_id = 0;      // constant while attached
  MutatorRegistry* registry = nullptr;  // constant while attached

  // By the owner, inside a StopDelay; the holder reads.
  StackRecord own_stack;
  StackRecord* current_stack = nullptr;   // what it runs on, or will when it has switched
  StackRecord* previous_stack = nullptr;  // what it ran on before
  uint32_t blocking_depth = 0;            // nested calls of BeginNestedBlocking; the owner's

  // Where the thread is: by the owner before it stops or parks, then the holder's to read.
  void* context = nullptr;      // the signal's, or null
  uintptr_t stack_pointer = 0;  // without a context
  SavedFrames frames;

  BarrierBuffer barrier;

  // Of the list; guarded by it.
  Mutator* next = nullptr;
  Mutator* previous = nullptr;
  uint64_t scanned_epoch = 0;  // the last epoch in which its words were shaded; the holder writes
  uint64_t taken_epoch = 0;    // the last epoch in which TakeUnscanned has given it out
  Atomic<uint32_t> pins;       // keep the thread from detaching

  // Every word that may hold a pointer of the thread, while the caller holds it.
  WordRanges Words() const;

 private:
  const StackRecord* StackThatHolds(uintptr_t address) const;
  void AddStackFrom(WordRanges& words, uintptr_t start, const StackRecord& stack) const;
  void AddInterruptedStack(WordRanges& words, uintptr_t low, uintptr_t high) const;
};

// Null: not attached.
extern constinit thread_local Mutator* this_mutator [[gnu::visibility("hidden")]];

}  // namespace spanheap
