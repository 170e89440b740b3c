// SPDX-License-Identifier: MIT
//
// What operator new does when memory is short: calls the program's new-handler as often as it has
// one, then throws std::bad_alloc, without this library being linked to a C++ runtime.
//
// Idea.   The runtime's functions are weak names: where the program has a C++ runtime they are
//         there. Where they are null (a C program that loaded a C++ extension for itself) they are
//         looked up in the loaded objects. Where there is none, nobody can catch: the process ends.
// Fails.  Throws std::bad_alloc or what the handler throws. Only the operators' frames lie between
//         here and the program, so no lock is held and no state is open when it does.
// Tests.  tests/faces/malloc: rows_cxx.cc, late_cxx.c.
#pragma once

#include <cstddef>

#include "base/platform.h"

namespace spanheap::face {

// Never null. `caller` is the code that called operator new.
SPANHEAP_NOINLINE void* NewSlow(size_t n, const void* caller);
SPANHEAP_NOINLINE void* NewAlignedSlow(size_t n, size_t alignment, const void* caller);
// Null when no memory is to be had, also when the handler threw.
SPANHEAP_NOINLINE void* NewOrNullSlow(size_t n, const void* caller) noexcept;
SPANHEAP_NOINLINE void* NewAlignedOrNullSlow(size_t n, size_t alignment,
                                             const void* caller) noexcept;

}  // namespace spanheap::face
