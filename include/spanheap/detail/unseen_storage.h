// SPDX-License-Identifier: MIT
//
// unseen_storage.h: collected pointers in memory that a type of the C++ library has allocated, in
// which nobody looks: std::vector<Ptr<Node>>, std::unique_ptr<Holder>.
//
// Idea.   Looked for when a type is laid out, not while its shape is found: a type may be the
//         element of its own field (struct Tree { std::vector<Tree> children; }).
// Tests.  tests/faces/native/compile_fail_test.py, layout_test.cc.
#ifndef SPANHEAP_DETAIL_UNSEEN_STORAGE_H
#define SPANHEAP_DETAIL_UNSEEN_STORAGE_H

#include <type_traits>

#include "spanheap/detail/pointer_map.h"

namespace spanheap::detail {

// Elements of unknown shape may hold pointers.
template <class T, class Asker>
consteval bool MayHoldOurs() {
  if constexpr (kIsComplete<T, Asker>) {
    return ShapeOf<T>() >= Shape::kUnknown || HoldsOurs<T>();
  } else {
    return true;
  }
}

// The types that T is made of, also where its shape is unknown: within Conservative it may be.
template <class T>
consteval auto AllPartsOf() {
  if constexpr (kIsConservative<T>) {
    return TypeList<std::remove_cv_t<decltype(T::value)>>();
  } else if constexpr (ShapeOf<T>() != Shape::kUnknown || StandardParts<T>::kKnown) {
    return PartsOf<T>();
  } else if constexpr (kArrayLength<T> > 0) {
    return TypeList<typename ElementOf<T>::type>();
  } else if constexpr (PairOf<T>::kIs) {
    return TypesOf(typename PairOf<T>::Fields());
  } else if constexpr (FieldsOf<T>::kKnown) {
    return TypesOf(FieldsOf<T>());
  } else {
    return TypeList<>();
  }
}

// The type in T whose storage may hold pointers of ours; void: none. Seen: what has been looked at.
template <class T, class... Seen>
consteval auto StorageOfOurs();

template <class... Seen>
consteval auto StorageAmong(TypeList<>) {
  return std::type_identity<void>();
}
template <class... Seen, class First, class... Rest>
consteval auto StorageAmong(TypeList<First, Rest...>) {
  using Found = typename decltype(StorageOfOurs<std::remove_cv_t<First>, Seen...>())::type;
  if constexpr (std::is_void_v<Found>) {
    return StorageAmong<Seen...>(TypeList<Rest...>());
  } else {
    return std::type_identity<Found>();
  }
}

template <class T, class... Seen, class... Elements, class... Parts>
consteval auto StorageIn(TypeList<Elements...>, TypeList<Parts...>) {
  if constexpr ((MayHoldOurs<std::remove_cv_t<Elements>, T>() || ...)) {
    return std::type_identity<T>();
  } else {
    return StorageAmong<Seen..., T>(TypeList<Elements..., Parts...>());
  }
}

template <class T, class... Seen>
consteval auto StorageOfOurs() {
  if constexpr (kHoldsNoPointers<T> || (std::is_same_v<T, Seen> || ...)) {
    return std::type_identity<void>();
  } else if constexpr (ShapeOf<T>() == Shape::kHidden) {
    return std::type_identity<T>();
  } else {
    return StorageIn<T, Seen...>(typename StandardParts<T>::elsewhere(), AllPartsOf<T>());
  }
}

template <class Owner, class Storage>
struct UnseenStorage {
  static_assert(std::is_void_v<Storage>,
                "spanheap: this type may hold collected pointers in memory that is not scanned. "
                "Use spanheap::Vector, List or HashMap; or, if there are none in it, say so, "
                "outside of all namespaces: "
                "template <> inline constexpr bool spanheap::kHoldsNoPointers<Type> = true;");
};

template <class T>
consteval bool RequireNothingElsewhere() {
  return sizeof(UnseenStorage<T, typename decltype(StorageOfOurs<T>())::type>) > 0;
}

}  // namespace spanheap::detail

#endif
