// SPDX-License-Identifier: MIT
//
// fields.h: how many fields a plain struct has, of which types, and where: at compile time, from
// the struct alone.
//
// Idea.   An aggregate accepts as many initialisers as it has fields, and `{}` initialises any
//         field that has a default, a whole array too: the largest number of `{}` that it accepts
//         is the number of its fields. A structured binding of that many names tells their types,
//         and the rules of layout tell the offsets.
// Limits. At most kMaxFields fields, each with a default; no base class, no union without a name.
//         One with bit-fields, and where the computed offsets do not add up to sizeof (alignas on a
//         field), is not taken apart; pointer_map.h says when they may add up all the same.
// Cost.   Compile time only.
// Tests.  tests/faces/native/layout_test.cc.
#ifndef SPANHEAP_DETAIL_FIELDS_H
#define SPANHEAP_DETAIL_FIELDS_H

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "spanheap/detail/field_types.h"
#include "spanheap/detail/field_unions.h"

namespace spanheap::detail {

// Converts to the base classes of T only.
template <class T>
struct AnyBase {
  template <class U>
    requires(std::derived_from<T, U> && !std::same_as<std::remove_cvref_t<U>, T>)
  operator U() const noexcept;  // NOLINT(google-explicit-constructor)
};

template <class T>
concept HasBase = requires { T{AnyBase<T>()}; };

// 0: none, or no answer.
template <class T>
consteval std::size_t CountFields() {
  constexpr std::array<bool, kMaxFields + 1> kAccepts = {
      false,
      AcceptsEmpty1<T>,
      AcceptsEmpty2<T>,
      AcceptsEmpty3<T>,
      AcceptsEmpty4<T>,
      AcceptsEmpty5<T>,
      AcceptsEmpty6<T>,
      AcceptsEmpty7<T>,
      AcceptsEmpty8<T>,
      AcceptsEmpty9<T>,
      AcceptsEmpty10<T>,
      AcceptsEmpty11<T>,
      AcceptsEmpty12<T>,
      AcceptsEmpty13<T>,
      AcceptsEmpty14<T>,
      AcceptsEmpty15<T>,
      AcceptsEmpty16<T>,
      AcceptsEmpty17<T>,
      AcceptsEmpty18<T>,
      AcceptsEmpty19<T>,
      AcceptsEmpty20<T>,
      AcceptsEmpty21<T>,
      AcceptsEmpty22<T>,
      AcceptsEmpty23<T>,
      AcceptsEmpty24<T>,
  };
  std::size_t count = kMaxFields;
  while (count > 0 && !kAccepts[count]) --count;
  return AcceptsEmpty25<T> ? 0 : count;
}

// What can be taken apart, as far as can be asked without an error.
template <class T>
concept PlainStruct =
    std::is_class_v<T> && std::is_aggregate_v<T> && !HasBase<T> && !HasUnnamedUnion<T>;

constexpr std::size_t RoundUp(std::size_t offset, std::size_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

// One field: its type and its offset.
template <class Type, std::size_t kByteOffset>
struct Field {
  using type = Type;
  static constexpr std::size_t kOffset = kByteOffset;
};

template <class... Fields>
struct FieldList {
  static constexpr bool kKnown = true;
};

// No answer for this struct.
struct UnknownFields {
  static constexpr bool kKnown = false;
};

template <std::size_t kCount>
struct Offsets {
  std::array<std::size_t, kCount> of{};
  std::size_t end = 0;
};

// Each field begins at the next multiple of its alignment.
template <class... Types>
consteval Offsets<sizeof...(Types)> PlaceFields() {
  Offsets<sizeof...(Types)> offsets;
  std::size_t i = 0;
  const auto place = [&](std::size_t size, std::size_t alignment) {
    offsets.of[i] = RoundUp(offsets.end, alignment);
    offsets.end = offsets.of[i++] + size;
  };
  (place(sizeof(Types), alignof(Types)), ...);
  return offsets;
}

template <class T, bool kHaveAddresses, class... Types, std::size_t... kIndex>
consteval auto ListFields(BoundFields<kHaveAddresses, Types...>, std::index_sequence<kIndex...>) {
  if constexpr (!kHaveAddresses || (std::is_reference_v<Types> || ...) ||
                (std::is_unbounded_array_v<Types> || ...)) {
    return UnknownFields();
  } else {
    constexpr auto kOffsets = PlaceFields<Types...>();
    constexpr std::size_t kAlignment = std::max({alignof(Types)...});
    if constexpr (kAlignment != alignof(T) || RoundUp(kOffsets.end, kAlignment) != sizeof(T)) {
      return UnknownFields();
    } else {
      return FieldList<Field<std::remove_cv_t<Types>, kOffsets.of[kIndex]>...>();
    }
  }
}

template <class T, std::size_t kCount>
consteval auto TakeApart() {
  using Types = decltype(BindFields(std::declval<T&>(), FieldCount<kCount>()));
  return ListFields<T>(Types(), std::make_index_sequence<kCount>());
}

// A FieldList, or UnknownFields.
template <class T>
consteval auto FindFields() {
  if constexpr (!PlainStruct<T>) {
    return UnknownFields();
  } else if constexpr (std::is_empty_v<T>) {
    return FieldList<>();
  } else if constexpr (CountFields<T>() == 0) {
    return UnknownFields();
  } else {
    return TakeApart<T, CountFields<T>()>();
  }
}

}  // namespace spanheap::detail

#endif
