// SPDX-License-Identifier: MIT
//
// root_allocator.h: RootAllocator<T>, with which every container of the C++ library may hold Ptrs:
//   std::map<int, Ptr<Node>, std::less<>, RootAllocator<std::pair<const int, Ptr<Node>>>> nodes;
//
// Idea.    A piece of storage is a collected object whose every word may be a pointer, held by a
//          root until the container frees it: what is stored in it is alive as long as the
//          container has the storage. The links among a container's own nodes need no barrier,
//          since each node has a root of its own.
// Threads. As the container.
// Fails.   Throws std::bad_alloc.
// Cost.    16 bytes and a root for each piece. For collected objects, Vector and its kin are
//          smaller, exact, and need no destructor.
// Limits.  A circle that leads through such a container is never collected.
#ifndef SPANHEAP_DETAIL_ROOT_ALLOCATOR_H
#define SPANHEAP_DETAIL_ROOT_ALLOCATOR_H

#include <cstddef>
#include <cstdint>
#include <new>

#include "spanheap/detail/layout.h"
#include "spanheap/detail/throw.h"
#include "spanheap/gc_c.h"

namespace spanheap {
namespace detail {

// What a piece begins with; as long as the strictest alignment.
struct alignas(16) RootedStorage {
  sh_gc_root* root;

  static inline constinit sh_layout layout = {16,      SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr,
                                              nullptr, "RootAllocator",      0, 0};

  static void* Allocate(std::size_t bytes) {
    const std::size_t pieces = 1 + (bytes + sizeof(RootedStorage) - 1) / sizeof(RootedStorage);
    auto* const storage = static_cast<RootedStorage*>(sh_gc_new(&layout, pieces));
    if (storage == nullptr) Throw(std::bad_alloc());
    storage->root = sh_gc_root_new(storage);
    if (storage->root == nullptr) Throw(std::bad_alloc());
    return storage + 1;
  }
  static void Free(void* memory) noexcept {
    RootedStorage* const storage = static_cast<RootedStorage*>(memory) - 1;
    sh_gc_root_free(storage->root);
    sh_gc_delete(storage);
  }
};

static_assert(sizeof(RootedStorage) == 16);

}  // namespace detail

template <class T>
class RootAllocator {
 public:
  using value_type = T;
  static_assert(alignof(T) <= alignof(detail::RootedStorage));

  constexpr RootAllocator() noexcept = default;
  template <class Other>
  constexpr RootAllocator(const RootAllocator<Other>&) noexcept {}

  T* allocate(std::size_t count) {
    if (count > (SIZE_MAX >> 2) / sizeof(T)) detail::Throw(std::bad_array_new_length());
    return static_cast<T*>(detail::RootedStorage::Allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) noexcept { detail::RootedStorage::Free(memory); }

  template <class Other>
  friend constexpr bool operator==(const RootAllocator&, const RootAllocator<Other>&) noexcept {
    return true;
  }
};

}  // namespace spanheap

#endif
