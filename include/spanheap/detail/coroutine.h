// SPDX-License-Identifier: MIT
//
// coroutine.h: CollectedFrame, the base of a promise type whose coroutines live in the collected
// heap: what their frames hold is found, and a frame that nobody holds is collected.
//   struct Task { struct promise_type : CollectedFrame { ... }; ... };
//
// Idea.    A frame is an object whose every word may be a pointer: only the compiler knows what it
//          keeps where. It lives as long as its address is found: a std::coroutine_handle on a
//          stack; everywhere else, a promise that knows its continuation among it, it is kept as
//          Ptr<void> or Root<void> of handle.address(), and used by from_address().
// Threads. As the coroutine.
// Fails.   Throws std::bad_alloc; if the promise has get_return_object_on_allocation_failure, that
//          is called.
// Cost.    That of New. What ends by itself or by destroy() is free at once.
// Limits.  The compiler stores into frames without the barrier. A Ptr local is stored with it; a
//          plain pointer that the coroutine changes is not: where the frame has the only pointer to
//          an object, let it be a Ptr that is declared outside of inner blocks, so that no other
//          local takes its place. A frame that is collected while suspended destroys no locals.
// Tests.   tests/faces/native_heap/coroutine_test.cc.
#ifndef SPANHEAP_DETAIL_COROUTINE_H
#define SPANHEAP_DETAIL_COROUTINE_H

#include <cstddef>
#include <new>

#include "spanheap/detail/create.h"
#include "spanheap/detail/throw.h"
#include "spanheap/gc_c.h"

namespace spanheap {
namespace detail {

inline constinit sh_layout frame_layout = {sizeof(void*), SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr,
                                           nullptr,       "coroutine frame",    0, 0};

}  // namespace detail

class CollectedFrame {
 public:
  static void* operator new(std::size_t bytes) {
    void* const frame = operator new(bytes, std::nothrow);
    if (frame == nullptr) detail::Throw(std::bad_alloc());
    return frame;
  }
  static void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return sh_gc_new(&detail::frame_layout, Words(bytes));
  }
  // Its pointers are taken out with the barrier: the thread may have some of them in registers that
  // have been scanned already.
  static void operator delete(void* frame, std::size_t bytes) noexcept {
    sh_gc_store_many(static_cast<void**>(frame), nullptr, Words(bytes));
    sh_gc_delete(frame);
  }

 protected:
  // The promise is made when the parameters are in the frame: of these no store has told.
  CollectedFrame() noexcept {
    if (sh_inline_v1.barrier_on == 0) [[likely]]
      return;
    void* const frame = sh_gc_base(this);  // null: the compiler did without the heap
    if (frame != nullptr) detail::TellStored(frame, sh_gc_size(frame));
  }

 private:
  static constexpr std::size_t Words(std::size_t bytes) {
    return (bytes + sizeof(void*) - 1) / sizeof(void*);
  }
};

}  // namespace spanheap

#endif
