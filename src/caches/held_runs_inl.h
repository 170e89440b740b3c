// SPDX-License-Identifier: MIT
//
// Held runs: freed runs beyond malloc's table that their thread keeps, as far as its share goes.
// Inlined into the two places of runtime that use them without a section.
//
// Idea.    They lie on the stack of their class, which always looks full to the fast path: its
//          limit follows its top.
// Threads. The block's owner, while its bins are its own.
// Tests.   tests/caches/thread_cache_test.cc; tests/disassembly counts the instructions.
#pragma once

#include "base/fatal.h"
#include "caches/thread_cache.h"

namespace spanheap {

inline void* ThreadCache::PopHeldRun(unsigned c) {
  void** top = block_.bins.tops[c].LoadRelaxed();  // relaxed: written by this thread only
  void* run = *top;
  if (run == nullptr) return nullptr;
  block_.bins.limits[c] = top - 1;
  MoveTop(c, top - 1);
  block_.kept_bytes -= BlockBytes(c);
  return run;
}

SPANHEAP_ALWAYS_INLINE bool ThreadCache::TryHoldRun(unsigned c, void* p, const char* call) {
  if (AddressOf(p).value % kPageSize.value != 0) [[unlikely]]
    FatalMisalignedFree(call, AddressOf(p), heap_.FactsOf(AddressOf(p)));
  if (block_.kept_bytes + BlockBytes(c) > share_.bytes()) return false;
  if (block_.depth(c) >= kMaxCapacities[c]) return false;
  void** top = block_.bins.tops[c].LoadRelaxed();  // relaxed: written by this thread only
  if (*top == p) [[unlikely]]
    FatalDoubleFree(call, AddressOf(p), heap_.FactsOf(AddressOf(p)));
  block_.NoteUsed(c);
  top[1] = p;
  block_.bins.limits[c] = top + 1;
  MoveTop(c, top + 1);
  block_.kept_bytes += BlockBytes(c);
  return true;
}

}  // namespace spanheap
