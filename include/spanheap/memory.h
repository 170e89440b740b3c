// SPDX-License-Identifier: MIT
//
// spanheap/memory.h: the heap for C++ containers: a std::pmr::memory_resource and an allocator
// without state, both over the sh_ functions. Header only; C++17.
//
//   std::pmr::vector<int> a(spanheap::heap_resource());
//   std::vector<int, spanheap::Allocator<int>> b;
//
// Threads. As the sh_ functions: any.
// Fails.   Throws std::bad_alloc, also for a count whose bytes do not fit a size_t.
#ifndef SPANHEAP_MEMORY_H
#define SPANHEAP_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>

#include "spanheap/detail/throw.h"
#include "spanheap/spanheap.h"

namespace spanheap {

// Blocks of `alignment` (a power of two); never null.
inline void* AllocateOrThrow(std::size_t bytes, std::size_t alignment) {
  constexpr std::size_t kEveryBlock = 16;
  void* block = alignment <= kEveryBlock ? sh_malloc(bytes) : sh_aligned_alloc(alignment, bytes);
  if (block == nullptr) detail::Throw(std::bad_alloc());
  return block;
}

// One resource for the process; all MemoryResources are equal, for all are the same heap.
class MemoryResource final : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return AllocateOrThrow(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    sh_free_aligned_sized(block, alignment, bytes);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
#if defined(__cpp_rtti)
    return this == &other || dynamic_cast<const MemoryResource*>(&other) != nullptr;
#else
    return this == &other;
#endif
  }
};

// Never destroyed, so that objects with static storage may use it to their end.
inline std::pmr::memory_resource* heap_resource() {
  alignas(MemoryResource) static unsigned char storage[sizeof(MemoryResource)];
  static std::pmr::memory_resource* const resource = ::new (storage) MemoryResource;
  return resource;
}

template <class T>
class Allocator {
 public:
  using value_type = T;

  constexpr Allocator() noexcept = default;
  template <class Other>
  constexpr Allocator(const Allocator<Other>&) noexcept {}

  T* allocate(std::size_t count) {
    if (count > SIZE_MAX / sizeof(T)) detail::Throw(std::bad_array_new_length());
    return static_cast<T*>(AllocateOrThrow(count * sizeof(T), alignof(T)));
  }
  void deallocate(T* block, std::size_t count) noexcept {
    sh_free_aligned_sized(block, alignof(T), count * sizeof(T));
  }

  template <class Other>
  friend constexpr bool operator==(const Allocator&, const Allocator<Other>&) noexcept {
    return true;
  }
  template <class Other>
  friend constexpr bool operator!=(const Allocator&, const Allocator<Other>&) noexcept {
    return false;
  }
};

}  // namespace spanheap

#endif
