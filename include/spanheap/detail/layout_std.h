// SPDX-License-Identifier: MIT
//
// layout_std.h: what types of the C++ library hold, as fields of collected objects.
//
// Idea.   What keeps its elements inside of itself (optional, variant, tuple, atomic) is looked
//         into; where only its own words can tell what is in it now, each of them may be a pointer.
//         What keeps them in memory of its own (vector, unique_ptr, ...) may be a field if they
//         hold no collected pointer, for that memory is not scanned.
#ifndef SPANHEAP_DETAIL_LAYOUT_STD_H
#define SPANHEAP_DETAIL_LAYOUT_STD_H

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "spanheap/detail/pointer_map.h"

namespace spanheap::detail {

// Unknown beats pointers, which beat none.
template <class... Parts>
consteval Shape WordsOf() {
  if constexpr (((ShapeOf<std::remove_cv_t<Parts>>() >= Shape::kUnknown) || ...)) {
    return Shape::kUnknown;
  } else if constexpr (((MapOf<std::remove_cv_t<Parts>>().any ||
                         MapOf<std::remove_cv_t<Parts>>().traced) ||
                        ...)) {
    return Shape::kConservative;
  }
  return Shape::kNone;
}

template <class... Elements>
consteval Shape OutsideShape() {
  return WordsOf<Elements...>() == Shape::kNone ? Shape::kNone : Shape::kUnknown;
}

template <class T>
inline constexpr Shape kStandardShape<std::optional<T>> = WordsOf<T>();
template <class... Parts>
inline constexpr Shape kStandardShape<std::variant<Parts...>> = WordsOf<Parts...>();
template <class... Parts>
inline constexpr Shape kStandardShape<std::tuple<Parts...>> = WordsOf<Parts...>();
template <class T>
inline constexpr Shape kStandardShape<std::atomic<T>> = WordsOf<T>();

template <class Char, class Traits, class Allocator>
inline constexpr Shape kStandardShape<std::basic_string<Char, Traits, Allocator>> = Shape::kNone;
template <class T, class Allocator>
inline constexpr Shape kStandardShape<std::vector<T, Allocator>> = OutsideShape<T>();
template <class T>
inline constexpr Shape kStandardShape<std::unique_ptr<T>> = OutsideShape<T>();
template <class T>
inline constexpr Shape kStandardShape<std::shared_ptr<T>> = OutsideShape<T>();
template <class K, class V, class Less, class Allocator>
inline constexpr Shape kStandardShape<std::map<K, V, Less, Allocator>> = OutsideShape<K, V>();
template <class K, class V, class Hash, class Equal, class Allocator>
inline constexpr Shape kStandardShape<std::unordered_map<K, V, Hash, Equal, Allocator>> =
    OutsideShape<K, V>();

}  // namespace spanheap::detail

#endif
