// SPDX-License-Identifier: MIT
//
// What a program does while memory is refused to it: blocks of all kinds, taken, grown and freed; a
// refused call returns null with ENOMEM and leaves everything as it was.
#pragma once

#include <pthread.h>

#include <cstddef>

#include "support.h"

namespace spanheap::stress {

// What one scenario holds and saw. Nothing here comes from the heap under test.
struct Tally {
  static constexpr unsigned kMostBlocks = 6000;
  static constexpr size_t kStackBytes = 256 << 10;

  Block blocks[kMostBlocks];
  unsigned count = 0;
  unsigned refusals = 0;
  alignas(4096) char thread_stack[kStackBytes];  // of the thread that a scenario starts
};

// All of it; everything taken is freed at the end. Large blocks are of up to `largest` bytes.
void RunScenario(Tally& tally, size_t largest);
// Its beginning: small blocks.
void RunBriefly(Tally& tally);

// A thread whose stack is ours, so that libc's memory for it comes and goes with it. False:
// refused.
bool StartThread(pthread_t& thread, char (&stack)[Tally::kStackBytes], void* (*run)(void*),
                 void* argument);

}  // namespace spanheap::stress
