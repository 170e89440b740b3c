// SPDX-License-Identifier: MIT
//
// StackRecord: a stack that threads run on: a thread's own, or one the program made for a fiber.
//
// Idea.       A stack on which nobody runs keeps what its last runner left: frames above the stack
//             pointer, registers in `frames`. It is a root by itself. Who switches to it in a mark
//             phase scans it first, if nobody has yet: from then on its words are as well known as
//             those of the thread that runs on it.
// Invariants. At most one mutator runs on a stack. `scanned_epoch` of a stack left behind is that
//             of the thread that left it: a thread not yet scanned may have put anything there.
// Threads.    `runner` null: whoever holds the list's lock reads the rest. Else: the runner's, and
//             whoever holds the runner; the links and `is_listed` are the list's always.
// Tests.      tests/mutators/hiding_places_test.cc.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "mutators/word_ranges.h"
#include "os/stack_bounds.h"

namespace spanheap {

struct Mutator;

// Frames that are gone by the time they are scanned: those between a parking thread's caller and
// the place where its registers were written down.
struct SavedFrames {
  static constexpr unsigned kCapacity = 160;
  uintptr_t words[kCapacity] = {};
  uint32_t count = 0;

  void AddTo(WordRanges& ranges) const {
    const uintptr_t* first = words;
    ranges.Add({first, first + count});
  }
};

struct StackRecord {
  os::StackBounds bounds;
  Mutator* runner = nullptr;
  uintptr_t stack_pointer = 0;  // of what its last runner left; 0: nobody has run on it
  SavedFrames frames;
  uint64_t scanned_epoch = 0;
  // Of the list of stacks on which nobody runs: a thread's own is there after it was left. Guarded
  // by the list's lock, runner or not.
  StackRecord* next = nullptr;
  StackRecord* previous = nullptr;
  bool is_listed = false;

  // What is there while nobody runs.
  void AddTo(WordRanges& ranges) const {
    if (stack_pointer == 0) return;
    frames.AddTo(ranges);
    ranges.Add(stack_pointer, bounds.high.value);
  }
};

}  // namespace spanheap
