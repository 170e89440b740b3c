// SPDX-License-Identifier: MIT
//
// What code that is inlined into programs reads (spanheap/detail/inline_v1.h), and copies of it.
//
// Idea.    A second copy of this library has data of its own, which its users' inlined code reads,
//          while their objects come from this one's heap. So it hands in a mirror, and whatever is
//          said here is said there, too.
// Threads. As each function says.
// Tests.   tests/mutators/inline_data_test.cc, tests/faces/embed/one_heap.cc.
#pragma once

#include "spanheap/detail/inline_v1.h"

namespace spanheap {

// What sh_inline_v1.barrier_on says of stores; inlined code asks only whether it is 0.
inline constexpr uint32_t kRemembersNothing = 0;
inline constexpr uint32_t kRemembersBoth = 1;         // what was there, and what is there now
inline constexpr uint32_t kRemembersOverwritten = 2;  // what was there
inline constexpr uint32_t kNotesPages = 3;            // where they go: nothing is marked just now

// Constant once it is in the list, and never given back.
struct InlineMirror {
  sh_inline_data_v1* copy;
  void (*set_words)(char* words) noexcept;  // of the calling thread
  InlineMirror* next;
};
// From now on the copy says what ours says; it may go on saying that the barrier is on until the
// next cycle ends, which costs time only. Once for each mirror; any thread. Threads that are
// attached by then, but for the calling one, go on without words there.
void MirrorInline(InlineMirror& mirror) noexcept;

// What the calling thread allocates from; null: nothing any more.
void SetInlineWords(char* words);

}  // namespace spanheap
