// SPDX-License-Identifier: MIT
//
// weak.h: Weak<T>, an address that keeps nothing alive and is null once its object died.
//
// Idea.   The word holds a small collected object, one for each address, which the collector
//         empties at its death. So a Weak lives where a Ptr may: in collected objects and on
//         stacks. Outside of these: WeakRoot<T>.
// Threads. As Ptr and Root. get() may sweep the object's pages, or wait for who does.
// Fails.   Throws std::bad_alloc; std::invalid_argument of what is no collected object.
// Limits.  A stale word on some stack can keep an object for a while. A finalizer that gives its
//          object a new life does not give its Weaks one.
#ifndef SPANHEAP_DETAIL_WEAK_H
#define SPANHEAP_DETAIL_WEAK_H

#include <cstddef>

#include "spanheap/detail/pointer.h"
#include "spanheap/detail/root.h"
#include "spanheap/detail/throw.h"

namespace spanheap {
namespace detail {

struct WeakCell;  // what sh_gc_weak_handle returns

template <class T>
WeakCell* CellOf(T* object) {
  if (object == nullptr) return nullptr;
  void* const cell = sh_gc_weak_handle(Untyped(object));
  if (cell == nullptr) ThrowWhy("a weak pointer is to a collected object");
  return static_cast<WeakCell*>(cell);
}

template <class T, class Cell>
class WeakBase {
 public:
  using element_type = T;

  // The object, or null; while the caller has it on its stack it lives.
  T* get() const noexcept { return static_cast<T*>(sh_gc_weak_get(cell_.get())); }
  // Never had an object; false does not say that it lives.
  bool empty() const noexcept { return cell_.get() == nullptr; }
  void reset() { cell_ = nullptr; }
  // The same object was given to both; also after its death.
  friend bool operator==(const WeakBase& a, const WeakBase& b) noexcept {
    return a.cell_.get() == b.cell_.get();
  }

 protected:
  constexpr WeakBase() noexcept {}
  Cell cell_;
};

}  // namespace detail

template <class T>
class Weak : public detail::WeakBase<T, Ptr<detail::WeakCell>> {
 public:
  using spanheap_pointer_word = void;

  constexpr Weak() noexcept {}
  constexpr Weak(std::nullptr_t) noexcept {}
  template <class Holder>
    requires std::convertible_to<detail::PointeeOf<Holder>*, T*>
  Weak(const Holder& holder) {
    *this = holder;
  }
  template <class Holder>
    requires std::convertible_to<detail::PointeeOf<Holder>*, T*>
  Weak& operator=(const Holder& holder) {
    this->cell_ = detail::CellOf(static_cast<T*>(detail::AddressIn(holder)));
    return *this;
  }
};

template <class T>
class WeakRoot : public detail::WeakBase<T, Root<detail::WeakCell>> {
 public:
  constexpr WeakRoot() noexcept {}
  constexpr WeakRoot(std::nullptr_t) noexcept {}
  template <class Holder>
    requires std::convertible_to<detail::PointeeOf<Holder>*, T*>
  WeakRoot(const Holder& holder) {
    *this = holder;
  }
  template <class Holder>
    requires std::convertible_to<detail::PointeeOf<Holder>*, T*>
  WeakRoot& operator=(const Holder& holder) {
    this->cell_ = detail::CellOf(static_cast<T*>(detail::AddressIn(holder)));
    return *this;
  }
};

}  // namespace spanheap

#endif
