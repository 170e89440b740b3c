// SPDX-License-Identifier: MIT
//
// root.h: Root<T>, the pointer from outside of stacks and collected objects.
//
// Idea.    A handle to a word that the collector reads (sh_gc_root). It is made with the first
//          object stored, so that an empty Root is a constant and costs nothing.
// Threads. Different Roots: any threads. One Root: as a plain pointer. ThreadRoot is a Root that is
//          neither copied nor passed on: for thread_local variables, which no collector scans.
// Fails.   Throws std::bad_alloc if there is no memory for the word.
#ifndef SPANHEAP_DETAIL_ROOT_H
#define SPANHEAP_DETAIL_ROOT_H

#include <concepts>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "spanheap/detail/barrier.h"
#include "spanheap/detail/pointer.h"
#include "spanheap/detail/throw.h"
#include "spanheap/gc_c.h"

namespace spanheap {
namespace detail {

// The word and its end.
class RootCell {
 public:
  constexpr RootCell() noexcept = default;
  constexpr RootCell(RootCell&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
  RootCell& operator=(RootCell&& other) noexcept {
    RootCell taken(std::move(other));  // what was here ends with it
    std::swap(cell_, taken.cell_);
    return *this;
  }
  constexpr ~RootCell() {
    if (cell_ != nullptr) sh_gc_root_free(cell_);
  }

  void* get() const noexcept {
    return cell_ != nullptr ? __atomic_load_n(&cell_->value, __ATOMIC_RELAXED) : nullptr;
  }
  void Set(void* value) {
    if (cell_ != nullptr) {
      StorePointer(&cell_->value, value);
    } else if (value != nullptr) {
      cell_ = sh_gc_root_new(value);
      if (cell_ == nullptr) Throw(std::bad_alloc());
    }
  }

 private:
  sh_gc_root* cell_ = nullptr;
};

// What Root and ThreadRoot share.
template <class T>
class RootBase {
 public:
  using element_type = T;

  T* get() const noexcept { return static_cast<T*>(cell_.get()); }
  operator T*() const noexcept { return get(); }
  T* operator->() const noexcept { return get(); }
  std::add_lvalue_reference_t<T> operator*() const noexcept { return *get(); }
  explicit operator bool() const noexcept { return get() != nullptr; }
  void reset() { Set(nullptr); }

 protected:
  constexpr RootBase() noexcept = default;
  void Set(T* object) { cell_.Set(Untyped(object)); }

  RootCell cell_;
};

}  // namespace detail

template <class T>
class Root : public detail::RootBase<T> {
 public:
  constexpr Root() noexcept = default;
  constexpr Root(std::nullptr_t) noexcept {}
  Root(T* object) { this->Set(object); }
  Root(const Ptr<T>& object) : Root(object.get()) {}
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Root(const Ptr<Other>& object) : Root(static_cast<T*>(object.get())) {}
  Root(const Root& other) : Root(other.get()) {}
  constexpr Root(Root&& other) noexcept = default;
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Root(const detail::RootBase<Other>& other) : Root(static_cast<T*>(other.get())) {}

  Root& operator=(T* object) {
    this->Set(object);
    return *this;
  }
  Root& operator=(std::nullptr_t) { return *this = static_cast<T*>(nullptr); }
  Root& operator=(const Ptr<T>& object) { return *this = object.get(); }
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Root& operator=(const Ptr<Other>& object) {
    return *this = static_cast<T*>(object.get());
  }
  Root& operator=(const Root& other) { return *this = other.get(); }
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Root& operator=(const detail::RootBase<Other>& other) {
    return *this = static_cast<T*>(other.get());
  }
  Root& operator=(Root&& other) noexcept = default;
};

template <class T>
class ThreadRoot : public detail::RootBase<T> {
 public:
  constexpr ThreadRoot() noexcept = default;
  explicit ThreadRoot(T* object) { this->Set(object); }
  ThreadRoot(const ThreadRoot&) = delete;
  ThreadRoot& operator=(const ThreadRoot&) = delete;

  ThreadRoot& operator=(T* object) {
    this->Set(object);
    return *this;
  }
  ThreadRoot& operator=(const Ptr<T>& object) { return *this = object.get(); }
  template <class Other>
    requires std::convertible_to<Other*, T*>
  ThreadRoot& operator=(const Ptr<Other>& object) {
    return *this = static_cast<T*>(object.get());
  }
  template <class Other>
    requires std::convertible_to<Other*, T*>
  ThreadRoot& operator=(const detail::RootBase<Other>& other) {
    return *this = static_cast<T*>(other.get());
  }
};

template <class T>
Root(T*) -> Root<T>;
template <class T>
Root(Ptr<T>) -> Root<T>;

}  // namespace spanheap

#endif
