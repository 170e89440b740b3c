// SPDX-License-Identifier: MIT
//
// WhoKeeps: why an object that should be dead is not. Use spanheap/gc.h, which takes this in.
//
// Idea.    The question is asked by a weak pointer, and its answer found by the next cycle: what
//          asks holds no address of the object.
// Threads. Any. Cost: a cycle, and some marks with all threads stopped: for debugging.
#ifndef SPANHEAP_DETAIL_KEEPERS_H
#define SPANHEAP_DETAIL_KEEPERS_H

#include <cstdint>
#include <string>

#include "spanheap/detail/weak.h"

namespace spanheap {
namespace detail {

// Not inline: the address is in this frame only, which is gone when the cycle runs.
template <class T, class Cell>
[[gnu::noinline]] uintptr_t HiddenAddress(const WeakBase<T, Cell>& weak) {
  return ~reinterpret_cast<uintptr_t>(weak.get());
}

}  // namespace detail

// One line: the object, each object on the way to it, and the root or the word of a stack that
// leads there; or that there is none, and the object is gone. Runs a cycle.
template <class T, class Cell>
std::string WhoKeeps(const detail::WeakBase<T, Cell>& weak) {
  char text[400] = {};  // old words there would keep objects
  sh_gc_who_keeps(detail::HiddenAddress(weak), text, sizeof text);
  return text;
}

}  // namespace spanheap

#endif
