// SPDX-License-Identifier: MIT
//
// The heap of a program of this folder: the collected heap, by its C++ header.
// heap.h says what each name means.
#pragma once

#include <cstddef>
#include <utility>

#include "bench/gc/figures.h"
#include "spanheap/gc.h"

namespace spanheap::bench::heap {

inline constexpr const char* kName = "spanheap";
inline constexpr bool kCollects = true;

template <class T>
using Pointer = Ptr<T>;

using ThreadScope = AttachedThread;

inline void Start() { sh_gc_attach(); }

template <class T, class... Args>
T* New(Args&&... args) {
  return spanheap::New<T>(std::forward<Args>(args)...);
}

template <class T>
T* NewArray(std::size_t count) {
  return spanheap::NewArray<T>(count);
}

inline char* NewBytes(std::size_t bytes) { return spanheap::NewArray<char>(bytes); }

template <class T>
void Free(T*) {}

inline Figures ReadFigures() {
  const GcStats stats = ReadGcStats();
  return {stats.cycles, stats.stop_max_ns, stats.stop_total_ns};
}

}  // namespace spanheap::bench::heap
