// SPDX-License-Identifier: MIT
//
// The switch of the write barrier, for the collector.
#pragma once

#include "mutators/mutator.h"
#include "mutators/page_notes.h"

namespace spanheap {

// Where stores note what they go to; written by SetNoting, constant while they do.
extern PageNotes page_notes;

// While the world is stopped. Once it is on, stores remember both what they overwrite and what they
// write.
void SetBarrier(bool on);
bool IsBarrierOn();
// While the world is stopped and the barrier is off: from now on stores note the pages they go to,
// until it is on.
void SetNoting(const PageNotes& notes);
// While it is on: whether they remember what they write, too. By who has locked the list of
// threads.
void RememberWritten(bool also);

// Remembers every word, as if each had been overwritten. By the owner inside a StopDelay.
void ShadeByBarrier(Mutator& self, const WordRanges& words);
// The calling thread's record; attached if need be, null if that fails. Outside of a StopDelay.
Mutator* SelfOrAdopt();
// What attaches a thread at its first store while the barrier is on; null if it cannot be.
void SetAdoptHook(Mutator* (*adopt)());

}  // namespace spanheap
