// SPDX-License-Identifier: MIT
//
// The switch of the write barrier, for the collector.
#pragma once

#include "mutators/mutator.h"
#include "spanheap/detail/inline_v1.h"

namespace spanheap {

// While the world is stopped.
void SetBarrier(bool on);
bool IsBarrierOn();

// Another copy of what inlined code reads: of a second copy of this library, whose users are users
// of this one. Constant once it is in the list, and never given back.
struct InlineMirror {
  sh_inline_data_v1* copy;
  InlineMirror* next;
};
// From now on the copy says what ours says; it may go on saying that the barrier is on until the
// next cycle ends, which costs time only. Once for each mirror.
void MirrorInline(InlineMirror& mirror) noexcept;
// Remembers every word, as if each had been overwritten. By the owner inside a StopDelay.
void ShadeByBarrier(Mutator& self, const WordRanges& words);
// The calling thread's record; attached if need be, null if that fails. Outside of a StopDelay.
Mutator* SelfOrAdopt();
// What attaches a thread at its first store while the barrier is on; null if it cannot be.
void SetAdoptHook(Mutator* (*adopt)());

}  // namespace spanheap
