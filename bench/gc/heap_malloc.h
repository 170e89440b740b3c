// SPDX-License-Identifier: MIT
//
// The heap of a program of this folder: malloc and free, whoever serves them (LD_PRELOAD chooses).
// heap.h says what each name means.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#include "bench/gc/figures.h"

namespace spanheap::bench::heap {

inline constexpr const char* kName = "malloc";
inline constexpr bool kCollects = false;

template <class T>
using Pointer = T*;

struct ThreadScope {
  ThreadScope() {}
};

inline void Start() {}

inline void* Checked(void* memory) {
  if (memory == nullptr) std::abort();
  return memory;
}

template <class T, class... Args>
T* New(Args&&... args) {
  return ::new (Checked(std::malloc(sizeof(T)))) T{std::forward<Args>(args)...};
}

template <class T>
T* NewArray(std::size_t count) {
  return static_cast<T*>(Checked(std::calloc(count, sizeof(T))));
}

inline char* NewBytes(std::size_t bytes) { return static_cast<char*>(Checked(std::malloc(bytes))); }

template <class T>
void Free(T* object) {
  std::free(object);
}

inline Figures ReadFigures() { return {}; }

}  // namespace spanheap::bench::heap
