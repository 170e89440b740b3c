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
// Fails.   Throws std::bad_alloc. Elements that are, or have, raw pointers to what holds Ptrs are a
//          compile error: the container would overwrite them without the barrier.
// Cost.    16 bytes and a root for each piece. For collected objects, Vector and its kin are
//          smaller, exact, and need no destructor.
// Limits.  A circle that leads through such a container is never collected.
#ifndef SPANHEAP_DETAIL_ROOT_ALLOCATOR_H
#define SPANHEAP_DETAIL_ROOT_ALLOCATOR_H

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "spanheap/detail/layout.h"
#include "spanheap/detail/raw_pointer.h"
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

template <class Element, class Target>
struct RawPointerInRoot {
  static_assert(std::is_void_v<Target>,
                "spanheap: elements with raw pointers to collected objects are overwritten without "
                "the barrier, and objects get lost. Make them spanheap::Ptr.");
};

}  // namespace detail

// Element: what the container was declared with. It may allocate others: its nodes, or a table of
// plain pointers to its storage (std::deque), with which nothing is wrong.
template <class T, class Element = T>
class RootAllocator {
 public:
  using value_type = T;
  template <class Other>
  struct rebind {
    using other = RootAllocator<Other, Element>;
  };
  static_assert(alignof(T) <= alignof(detail::RootedStorage));

  constexpr RootAllocator() noexcept = default;
  template <class Other, class OtherElement>
  constexpr RootAllocator(const RootAllocator<Other, OtherElement>&) noexcept {}

  T* allocate(std::size_t count) {
    using Refused = decltype(detail::RefusedPointee<std::remove_cv_t<Element>, RootAllocator>());
    static_assert(sizeof(detail::RawPointerInRoot<Element, typename Refused::type>) > 0);
    if (count > (SIZE_MAX >> 2) / sizeof(T)) detail::Throw(std::bad_array_new_length());
    return static_cast<T*>(detail::RootedStorage::Allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) noexcept { detail::RootedStorage::Free(memory); }

  template <class Other, class OtherElement>
  friend constexpr bool operator==(const RootAllocator&,
                                   const RootAllocator<Other, OtherElement>&) noexcept {
    return true;
  }
};

}  // namespace spanheap

#endif
