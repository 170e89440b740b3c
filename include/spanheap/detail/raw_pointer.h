// SPDX-License-Identifier: MIT
//
// raw_pointer.h: plain pointers inside of collected objects, which the collector does not see: the
// mistake that everybody makes, found at compile time where it can be told.
//
// Idea.   A field U*, at whatever depth of structs, arrays and types of the C++ library, is refused
//         if U is the object's own type, holds pointers of ours (so it is a collected object), or
//         leads back to the object's type by plain pointers. Unowned<U> says that it is meant.
// Limits. Not seen: pointers to what is incomplete here, to what holds no pointer (a char* into a
//         text, a string_view), references, and what a class without layout hides.
// Cost.   Compile time only, for each type that is laid out.
// Tests.  tests/faces/native/compile_fail_test.py, layout_test.cc.
#ifndef SPANHEAP_DETAIL_RAW_POINTER_H
#define SPANHEAP_DETAIL_RAW_POINTER_H

#include <cstddef>
#include <type_traits>

#include "spanheap/detail/pointer_map.h"

namespace spanheap {

// A plain pointer in a collected object, on purpose: it keeps nothing alive. For what lives
// elsewhere, or is surely kept by somebody else.
template <class T>
class Unowned {
 public:
  constexpr Unowned() noexcept = default;
  constexpr Unowned(T* object) noexcept : object_(object) {}
  constexpr T* get() const noexcept { return object_; }
  constexpr operator T*() const noexcept { return object_; }
  constexpr T* operator->() const noexcept { return object_; }

 private:
  T* object_ = nullptr;
};

template <class T>
inline constexpr bool kHoldsNoPointers<Unowned<T>> = true;

namespace detail {

// What a pointer leads to in the end: Node for Node**, const Node (*)[4].
template <class T>
struct Pointee {
  using type = std::remove_cv_t<T>;
};
template <class T>
struct Pointee<T*> : Pointee<std::remove_cv_t<std::remove_all_extents_t<T>>> {};

// The parts of T, and those of its elements elsewhere that are pointers: std::vector<Node*>.
template <class T>
consteval auto PointerPartsOf() {
  return []<class... Parts, class... Elements>(TypeList<Parts...>, TypeList<Elements...>) {
    return TypeList<Parts..., std::conditional_t<std::is_pointer_v<Elements>, Elements, char>...>();
  }(PartsOf<T>(), typename StandardParts<T>::elsewhere());
}

// How far it is looked for a way back.
inline constexpr int kPointerSteps = 3;

template <class T, class Owner, int kSteps>
consteval bool LeadsTo();

// Is there a plain pointer in T to Owner, or to what leads to it?
template <class T, class Owner, int kSteps>
consteval bool PointsBack() {
  if constexpr (std::is_pointer_v<T>) {
    return LeadsTo<typename Pointee<T>::type, Owner, kSteps - 1>();
  } else {
    return []<class... Parts>(TypeList<Parts...>) {
      return (PointsBack<std::remove_cv_t<Parts>, Owner, kSteps>() || ...);
    }(PointerPartsOf<T>());
  }
}

template <class T, class Owner, int kSteps>
consteval bool LeadsTo() {
  if constexpr (std::is_same_v<T, Owner>) {
    return true;
  } else if constexpr (kSteps > 0 && std::is_class_v<T>) {
    if constexpr (kIsComplete<T, Owner>) return PointsBack<T, Owner, kSteps>();
  }
  return false;
}

template <class T, class Owner>
consteval bool IsCollected() {
  if constexpr (std::is_class_v<T>) {
    if constexpr (kIsComplete<T, Owner>) {
      return HoldsOurs<T>() || LeadsTo<T, Owner, kPointerSteps>();
    }
  }
  return false;
}

// The type that a plain pointer somewhere in T must not point to; void: there is none.
template <class T, class Owner>
consteval auto RefusedPointee();

template <class Owner>
consteval auto RefusedAmong(TypeList<>) {
  return std::type_identity<void>();
}
template <class Owner, class First, class... Rest>
consteval auto RefusedAmong(TypeList<First, Rest...>) {
  constexpr auto kFound = RefusedPointee<std::remove_cv_t<First>, Owner>();
  if constexpr (std::is_void_v<typename decltype(kFound)::type>) {
    return RefusedAmong<Owner>(TypeList<Rest...>());
  } else {
    return kFound;
  }
}

template <class T, class Owner>
consteval auto RefusedPointee() {
  if constexpr (!std::is_pointer_v<T>) {
    return RefusedAmong<Owner>(PointerPartsOf<T>());
  } else if constexpr (IsCollected<typename Pointee<T>::type, Owner>()) {
    return std::type_identity<typename Pointee<T>::type>();
  } else {
    return std::type_identity<void>();
  }
}

template <class Owner, class Target>
struct RawPointer {
  static_assert(
      std::is_void_v<Target>,
      "spanheap: this type holds a raw pointer to a collected object, which the collector "
      "does not see. Make it a spanheap::Ptr; or, if it need keep nothing alive, a "
      "spanheap::Unowned.");
};

template <class T>
consteval bool RequireNoRawPointer() {
  return sizeof(RawPointer<T, typename decltype(RefusedPointee<T, T>())::type>) > 0;
}

}  // namespace detail
}  // namespace spanheap

#endif
