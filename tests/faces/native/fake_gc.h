// SPDX-License-Identifier: MIT
//
// fake_gc.h: the C interface of the collected heap in its plainest form: a map of blocks, marking
// and sweeping on demand with one thread. The model of what the interface promises; tests of the
// C++ face run on it without a collector, and are told exactly what happened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fake_gc {

// Forgets all objects, without destructors; nothing is refused any more.
void Reset();
// Objects there are.
std::size_t Count();
// Whether sh_gc_collect takes words of the calling thread's stack and registers for pointers (at
// first it does). Off, a test decides by roots alone what is alive.
void ScanStack(bool on);
// The barrier is on: changes of words are recorded as pairs of old and new values.
void RecordStores(bool on);
std::vector<std::pair<void*, void*>> TakeStores();
// The n-th allocation from now on, and all later ones, fail; SIZE_MAX: none does.
void FailAfter(std::size_t allocations);
// What sh_gc_adjust_external has added up to.
std::int64_t External();
int BlockingDepth();

}  // namespace fake_gc
