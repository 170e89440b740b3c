// SPDX-License-Identifier: MIT
//
// OtherMalloc: the malloc that the program's calls go to, where that is not ours.
//
// Idea.    A program may carry a malloc of its own, or have one preloaded before ours. Its `malloc`
//          and `free` then come before ours, but names that it lacks (reallocarray, cfree, ...) are
//          found here. The blocks that these get are not ours: they call what `realloc` and `free`
//          of the program are, as libc's would.
//          A copy of ours that was loaded later, behind libc, is asked by who means it: its own.
// Threads. Any.
// Cost.    The first call walks through the loaded objects; later ones are a load.
// Tests.   tests/faces/malloc/processes_test.py.
#pragma once

#include <cstddef>

namespace spanheap::face {

// Both null: the program's malloc is ours.
struct OtherMalloc {
  void* (*reallocate)(void* block, size_t size) = nullptr;
  void (*release)(void* block) = nullptr;

  explicit operator bool() const { return release != nullptr; }
};

OtherMalloc FindOtherMalloc();

}  // namespace spanheap::face
