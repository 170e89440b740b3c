// SPDX-License-Identifier: MIT
//
// pointer.h: Ptr<T>, the pointer between collected objects, and AtomicPtr<T>.
//
// Idea.   One word. Reading is a load; each change goes through the write barrier. A Ptr need not
//         point to the start of an object: a member or a base class subobject keeps the whole
//         object alive. On a stack a plain T* is as good and cheaper: stacks are scanned.
//         An address one past the end of an object keeps the next object alive, not this one.
// Threads. Ptr: as a plain pointer, several readers or one writer; nothing tears. AtomicPtr: any.
// Cost.   Trivially destructible. A change: a test and a store while the collector does not mark.
#ifndef SPANHEAP_DETAIL_POINTER_H
#define SPANHEAP_DETAIL_POINTER_H

#include <atomic>
#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>

#include "spanheap/detail/slot.h"

namespace spanheap {
namespace detail {
template <class T>
class RootBase;  // root.h
}  // namespace detail

template <class T>
class Ptr {
 public:
  using element_type = T;
  using spanheap_pointer_word = void;

  // Not `= default`: Ptr() would then be a plain store of zero, before the constructor.
  constexpr Ptr() noexcept {}
  constexpr Ptr(std::nullptr_t) noexcept {}
  Ptr(T* object) noexcept : slot_(object) {}
  Ptr(const Ptr& other) noexcept : slot_(other.get()) {}
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Ptr(const Ptr<Other>& other) noexcept : Ptr(static_cast<T*>(other.get())) {}
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Ptr(const detail::RootBase<Other>& root) noexcept : Ptr(static_cast<T*>(root.get())) {}
  ~Ptr() = default;

  Ptr& operator=(T* object) noexcept {
    slot_.Store(object);
    return *this;
  }
  Ptr& operator=(std::nullptr_t) noexcept { return *this = static_cast<T*>(nullptr); }
  Ptr& operator=(const Ptr& other) noexcept { return *this = other.get(); }
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Ptr& operator=(const Ptr<Other>& other) noexcept {
    return *this = static_cast<T*>(other.get());
  }
  template <class Other>
    requires std::convertible_to<Other*, T*>
  Ptr& operator=(const detail::RootBase<Other>& root) noexcept {
    return *this = static_cast<T*>(root.get());
  }

  T* get() const noexcept { return static_cast<T*>(slot_.Load()); }
  operator T*() const noexcept { return get(); }
  T* operator->() const noexcept { return get(); }
  std::add_lvalue_reference_t<T> operator*() const noexcept { return *get(); }
  explicit operator bool() const noexcept { return get() != nullptr; }

  void reset() noexcept { *this = nullptr; }
  friend void swap(Ptr& a, Ptr& b) noexcept {
    T* const was = a.get();
    a = b.get();
    b = was;
  }

 private:
  detail::Slot slot_;
};

// Comparison, indexing and arithmetic are those of T*, to which a Ptr converts.

// A pointer between collected objects that several threads change.
template <class T>
class AtomicPtr {
 public:
  using element_type = T;
  using spanheap_pointer_word = void;

  constexpr AtomicPtr() noexcept {}
  constexpr AtomicPtr(std::nullptr_t) noexcept {}
  AtomicPtr(T* object) noexcept : slot_(object) {}
  ~AtomicPtr() = default;

  T* load(std::memory_order order = std::memory_order_acquire) const noexcept {
    return static_cast<T*>(slot_.Load(order));
  }
  operator T*() const noexcept { return load(); }
  void store(T* object, std::memory_order order = std::memory_order_release) noexcept {
    slot_.Store(object, order);
  }
  AtomicPtr& operator=(T* object) noexcept {
    store(object);
    return *this;
  }
  // Sequentially consistent, both of these: never less than what a program asks for.
  T* exchange(T* object, std::memory_order = std::memory_order_seq_cst) noexcept {
    return static_cast<T*>(slot_.Exchange(object));
  }
  // True: it held `expected`. Never fails without a reason.
  bool compare_exchange(T*& expected, T* desired,
                        std::memory_order = std::memory_order_seq_cst) noexcept {
    void* seen = const_cast<std::remove_cv_t<T>*>(expected);
    const bool done = slot_.CompareExchange(&seen, desired);
    if (!done) expected = static_cast<T*>(seen);
    return done;
  }

 private:
  // Declared only, not deleted: what has all its copies deleted counts as trivially copyable, and
  // what is that counts as free of pointers (pointer_map.h).
  AtomicPtr(const AtomicPtr&);
  AtomicPtr& operator=(const AtomicPtr&);

  detail::Slot slot_;
};

namespace detail {

// What a function that takes "an object" accepts: T*, Ptr<T>, Root<T>, ThreadRoot<T>.
template <class T>
T* AddressIn(T* object) {
  return object;
}
template <class Holder>
  requires requires(const Holder& holder) { holder.get(); }
auto AddressIn(const Holder& holder) {
  return holder.get();
}

template <class Holder>
using PointeeOf = std::remove_pointer_t<decltype(AddressIn(std::declval<const Holder&>()))>;

template <class T>
void* Untyped(const volatile T* object) {
  return const_cast<void*>(static_cast<const volatile void*>(object));
}

}  // namespace detail

// The object lives at least until here.
template <class Holder>
void KeepAlive(const Holder& holder) {
  sh_gc_keep_alive(detail::Untyped(detail::AddressIn(holder)));
}

}  // namespace spanheap

template <class T>
struct std::hash<spanheap::Ptr<T>> {
  std::size_t operator()(const spanheap::Ptr<T>& pointer) const noexcept {
    return std::hash<T*>()(pointer.get());
  }
};

#endif
