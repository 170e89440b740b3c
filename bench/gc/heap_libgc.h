// SPDX-License-Identifier: MIT
//
// The heap of a program of this folder: libgc (Boehm, Demers, Weiser), as Debian packages it.
// heap.h says what each name means. Included before <pthread.h>: it renames pthread_create.
#pragma once

#define GC_THREADS
#include <gc/gc.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#include "bench/gc/figures.h"
#include "bench/harness/measure.h"

namespace spanheap::bench::heap {

inline constexpr const char* kName = "libgc";
inline constexpr bool kCollects = true;

template <class T>
using Pointer = T*;

// Threads that pthread_create starts are registered by the renamed function.
struct ThreadScope {
  ThreadScope() {}
};

// Written by whoever collects, with the library's lock held; read at the end.
struct Stops {
  std::uint64_t cycles = 0;
  std::uint64_t longest_ns = 0;
  std::uint64_t total_ns = 0;
  double began = 0;
};
inline Stops stops;

inline void OnEvent(GC_EventType event) {
  if (event == GC_EVENT_END) ++stops.cycles;
  if (event == GC_EVENT_PRE_STOP_WORLD) stops.began = WallNs();
  if (event == GC_EVENT_POST_START_WORLD) {
    const auto length = static_cast<std::uint64_t>(WallNs() - stops.began);
    stops.total_ns += length;
    if (length > stops.longest_ns) stops.longest_ns = length;
  }
}

inline void Start() {
  GC_INIT();
  GC_set_on_collection_event(OnEvent);
}

inline void* Checked(void* memory) {
  if (memory == nullptr) std::abort();
  return memory;
}

template <class T, class... Args>
T* New(Args&&... args) {
  return ::new (Checked(GC_MALLOC(sizeof(T)))) T{std::forward<Args>(args)...};
}

template <class T>
T* NewArray(std::size_t count) {
  return static_cast<T*>(Checked(GC_MALLOC(count * sizeof(T))));
}

inline char* NewBytes(std::size_t bytes) {
  return static_cast<char*>(Checked(GC_MALLOC_ATOMIC(bytes)));
}

template <class T>
void Free(T*) {}

inline Figures ReadFigures() { return {stops.cycles, stops.longest_ns, stops.total_ns}; }

}  // namespace spanheap::bench::heap
