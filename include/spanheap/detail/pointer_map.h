// SPDX-License-Identifier: MIT
//
// pointer_map.h: which words of a type are pointers, found at compile time.
//
// Idea.   Walk<T> visits the leaves of a type: words that are pointers, words that may be, fields
//         that trace themselves. What it visits with decides: a set of bits at compile time, or a
//         visitor of the collector at run time (for types that have a traced field somewhere).
//         What a type is, is the first that fits of: a pointer of ours, described by SH_LAYOUT, a
//         Trace member, Conservative<T>, declared free of pointers, an array, a plain struct whose
//         fields fit, anything trivially copyable (our pointers are not, so it holds none).
// Fails.  A type that fits none is Shape::kUnknown; layout.h words the error.
// Tests.  tests/faces/native/layout_test.cc.
#ifndef SPANHEAP_DETAIL_POINTER_MAP_H
#define SPANHEAP_DETAIL_POINTER_MAP_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "spanheap/detail/fields.h"

namespace spanheap {

class Visitor;

// True for a type of others that holds no pointer to a collected object and is not seen to be so.
// Said behind that type, outside of all namespaces:
// template <> inline constexpr bool spanheap::kHoldsNoPointers<Socket> = true;
template <class T>
inline constexpr bool kHoldsNoPointers = false;

namespace detail {
// Makes what has it a type that is not trivially copyable. One for each T: those of one type must
// not share an address.
template <class T>
struct NotTriviallyCopied {
  constexpr NotTriviallyCopied() noexcept = default;
  constexpr NotTriviallyCopied(const NotTriviallyCopied&) noexcept {}
  constexpr NotTriviallyCopied& operator=(const NotTriviallyCopied&) noexcept { return *this; }
};
}  // namespace detail

// A T whose every word may be a pointer: for types of others, unions, lambdas.
template <class T>
struct Conservative {
  T value;
  [[no_unique_address]] detail::NotTriviallyCopied<T> holds_pointers{};
  T* operator->() { return &value; }
  const T* operator->() const { return &value; }
  T& operator*() { return value; }
  const T& operator*() const { return value; }
};

namespace detail {

inline constexpr std::size_t kWordBytes = 8;

enum class Shape {
  kPointer,
  kDescribed,
  kTraced,
  kConservative,
  kNone,
  kArray,
  kPair,
  kPlain,
  kUnknown,
  kInheritedLayout,  // SH_LAYOUT of a base class
  kInheritedTrace,   // Trace of a base class
  kHidden,           // keeps what cannot be told in its own memory (std::function)
};

// What layout_std.h knows of a type of the C++ library: what it has inside of itself, what in
// memory of its own, and whether there is more that cannot be told.
template <class T>
struct StandardParts {
  static constexpr bool kKnown = false;
  using inside = TypeList<>;
  using elsewhere = TypeList<>;
};

template <class T>
concept PointerWord = requires { typename T::spanheap_pointer_word; } && sizeof(T) == kWordBytes;

template <class T>
concept Described = requires(const T* p) { SpanheapFieldsOf(p); };

template <class T>
concept Traced = requires(const T& object, Visitor& visitor) { object.Trace(visitor); };

template <class T>
inline constexpr bool kIsConservative = false;
template <class T>
inline constexpr bool kIsConservative<Conservative<T>> = true;

// 0: no array, or one that has nothing in it.
template <class T>
inline constexpr std::size_t kArrayLength = 0;
template <class T, std::size_t kCount>
inline constexpr std::size_t kArrayLength<T[kCount]> = kCount;
template <class T, std::size_t kCount>
inline constexpr std::size_t kArrayLength<std::array<T, kCount>> = kCount;

template <class T>
inline constexpr bool kIsEmptyArray = false;
template <class T>
inline constexpr bool kIsEmptyArray<std::array<T, 0>> = true;

template <class T>
struct ElementOf {};
template <class T, std::size_t kCount>
struct ElementOf<T[kCount]> {
  using type = T;
};
template <class T, std::size_t kCount>
struct ElementOf<std::array<T, kCount>> {
  using type = T;
};

template <class T>
struct PairOf {
  static constexpr bool kIs = false;
};
template <class A, class B>
struct PairOf<std::pair<A, B>> {
  static constexpr bool kIs = true;
  static constexpr std::size_t kSecond = RoundUp(sizeof(A), alignof(B));
  using Fields = FieldList<Field<std::remove_cv_t<A>, 0>, Field<std::remove_cv_t<B>, kSecond>>;
};

template <class Owner, class... Fields>
struct DescribedFields {
  using owner = Owner;
  using fields = FieldList<Fields...>;
};

// Where the first base class lies: behind the pointer to the virtual functions if the derived class
// is the one that brings it.
template <class Base, class T>
consteval std::size_t FirstBaseOffset() {
  static_assert(std::is_base_of_v<Base, T>);
  static_assert(
      requires(Base* base) { static_cast<T*>(base); },
      "spanheap: the base of SH_LAYOUT_DERIVED is virtual: only a constructed object knows where "
      "it lies. Make objects of spanheap::Conservative<Type>.");
  constexpr bool kBringsTable = std::is_polymorphic_v<T> && !std::is_polymorphic_v<Base>;
  return kBringsTable ? RoundUp(kWordBytes, alignof(Base)) : 0;
}

template <class T>
using DescriptionOf = decltype(SpanheapFieldsOf(static_cast<const T*>(nullptr)));

// The class that a member function belongs to.
template <class Member>
struct OwnerOf {
  using type = void;
};
template <class Owner, class Result, class... Arguments>
struct OwnerOf<Result (Owner::*)(Arguments...) const> {
  using type = Owner;
};
template <class Owner, class Result, class... Arguments>
struct OwnerOf<Result (Owner::*)(Arguments...) const noexcept> {
  using type = Owner;
};

template <class T>
consteval bool TracesItself() {
  if constexpr (requires { &T::Trace; }) {
    return std::is_same_v<typename OwnerOf<decltype(&T::Trace)>::type, T>;
  } else {
    return true;  // a template: cannot be asked
  }
}

template <class T>
consteval Shape ShapeOf();
template <class T>
consteval bool HoldsOurs();

template <class T>
using FieldsOf = decltype(FindFields<T>());

template <class... Fields>
consteval Shape ShapeOfPlain(FieldList<Fields...>) {
  return ((ShapeOf<typename Fields::type>() >= Shape::kUnknown) || ...) ? Shape::kUnknown
                                                                        : Shape::kPlain;
}

// Which of the parts there is now, or where, only their words can tell. Unknown beats pointers,
// which beat none.
template <class... Parts>
consteval Shape WordsOf(TypeList<Parts...>) {
  if constexpr (((ShapeOf<std::remove_cv_t<Parts>>() >= Shape::kUnknown) || ...)) {
    return Shape::kUnknown;
  } else {
    return (HoldsOurs<std::remove_cv_t<Parts>>() || ...) ? Shape::kConservative : Shape::kNone;
  }
}

// alignas on a field and [[no_unique_address]] move what lies behind, and cannot be asked for. A
// pointer that one of them moves is moved by a word at least, and the whole struct becomes as much
// longer, or shorter, which fields.h notices: unless a gap before something that is aligned to more
// than a word swallows it, or the two make up for each other. So where a pointer has fields before
// it, nothing may be aligned so, and no field may be empty.
template <class... Fields>
consteval bool CanBeMisplaced(FieldList<Fields...>) {
  constexpr bool kHoldsOurs[] = {false, HoldsOurs<typename Fields::type>()...};
  bool is_behind_others = false;
  for (std::size_t i = 2; i <= sizeof...(Fields); ++i) is_behind_others |= kHoldsOurs[i];
  return is_behind_others && (((alignof(typename Fields::type) > kWordBytes) ||
                               std::is_empty_v<typename Fields::type>) ||
                              ...);
}

template <class T>
consteval Shape ShapeOfClass() {
  if constexpr (std::is_class_v<T>) {
    if constexpr (FieldsOf<T>::kKnown) {
      constexpr Shape kShape = ShapeOfPlain(FieldsOf<T>());
      if constexpr (kShape == Shape::kPlain) {
        if constexpr (CanBeMisplaced(FieldsOf<T>())) return Shape::kUnknown;
      }
      return kShape;
    }
  }
  return std::is_trivially_copyable_v<T> ? Shape::kNone : Shape::kUnknown;
}

template <class T>
consteval Shape ShapeOf() {
  if constexpr (PointerWord<T>) {
    return Shape::kPointer;
  } else if constexpr (kHoldsNoPointers<T> || std::is_scalar_v<T> || std::is_empty_v<T> ||
                       kIsEmptyArray<T>) {
    return Shape::kNone;
  } else if constexpr (Described<T>) {
    using Owner = typename DescriptionOf<T>::owner;
    return std::is_same_v<Owner, T> ? Shape::kDescribed : Shape::kInheritedLayout;
  } else if constexpr (Traced<T>) {
    return TracesItself<T>() ? Shape::kTraced : Shape::kInheritedTrace;
  } else if constexpr (kIsConservative<T>) {
    return Shape::kConservative;
  } else if constexpr (StandardParts<T>::kKnown) {
    return StandardParts<T>::kHidden ? Shape::kHidden
                                     : WordsOf(typename StandardParts<T>::inside());
  } else if constexpr (kArrayLength<T> > 0) {
    using Element = std::remove_cv_t<typename ElementOf<T>::type>;
    return ShapeOf<Element>() >= Shape::kUnknown ? Shape::kUnknown : Shape::kArray;
  } else if constexpr (PairOf<T>::kIs) {
    return ShapeOfPlain(typename PairOf<T>::Fields()) == Shape::kPlain ? Shape::kPair
                                                                       : Shape::kUnknown;
  } else {
    return ShapeOfClass<T>();
  }
}

template <class T, class Sink>
constexpr void Walk(Sink& sink, std::size_t offset);

template <class Sink, class... Fields>
constexpr void WalkFields([[maybe_unused]] Sink& sink, [[maybe_unused]] std::size_t offset,
                          FieldList<Fields...>) {
  static_assert(((ShapeOf<typename Fields::type>() < Shape::kUnknown) && ...),
                "spanheap: where a field of this SH_LAYOUT holds collected pointers cannot be "
                "told. Write SH_LAYOUT in its class, too, or wrap it: "
                "spanheap::Conservative<Type>.");
  (Walk<typename Fields::type>(sink, offset + Fields::kOffset), ...);
}

template <class T, class Sink>
constexpr void WalkArray(Sink& sink, std::size_t offset) {
  using Element = std::remove_cv_t<typename ElementOf<T>::type>;
  if constexpr (ShapeOf<Element>() != Shape::kNone) {
    for (std::size_t i = 0; i < kArrayLength<T>; ++i) {
      Walk<Element>(sink, offset + i * sizeof(Element));
    }
  }
}

// Calls sink.Pointer(offset), sink.Words(offset, bytes) or sink.template Object<T>(offset) for each
// leaf of T that may hold a pointer.
template <class T, class Sink>
constexpr void Walk(Sink& sink, [[maybe_unused]] std::size_t offset) {
  constexpr Shape kShape = ShapeOf<T>();
  if constexpr (kShape == Shape::kPointer) {
    sink.Pointer(offset);
  } else if constexpr (kShape == Shape::kDescribed) {
    WalkFields(sink, offset, typename DescriptionOf<T>::fields());
  } else if constexpr (kShape == Shape::kTraced) {
    sink.template Object<T>(offset);
  } else if constexpr (kShape == Shape::kConservative) {
    sink.Words(offset, sizeof(T));
  } else if constexpr (kShape == Shape::kArray) {
    WalkArray<T>(sink, offset);
  } else if constexpr (kShape == Shape::kPair) {
    WalkFields(sink, offset, typename PairOf<T>::Fields());
  } else if constexpr (kShape == Shape::kPlain) {
    WalkFields(sink, offset, FieldsOf<T>());
  }
}

// A bit per word of T.
template <class T>
struct PointerMap {
  static constexpr std::size_t kWords = (sizeof(T) + kWordBytes - 1) / kWordBytes;

  std::array<uint64_t, (kWords + 63) / 64> bits{};
  bool any = false;
  bool ambiguous = false;
  bool traced = false;
  bool aligned = true;

  constexpr void Pointer(std::size_t offset) {
    aligned = aligned && offset % kWordBytes == 0;
    const std::size_t word = offset / kWordBytes;
    bits[word / 64] |= uint64_t{1} << (word % 64);
    any = true;
  }
  constexpr void Words(std::size_t offset, std::size_t bytes) {
    ambiguous = true;
    const std::size_t begin = RoundUp(offset, kWordBytes);
    for (std::size_t at = begin; at + kWordBytes <= offset + bytes; at += kWordBytes) Pointer(at);
  }
  template <class Traced>
  constexpr void Object(std::size_t) {
    traced = true;
  }
};

template <class T>
consteval PointerMap<T> MapOf() {
  PointerMap<T> map;
  Walk<T>(map, 0);
  return map;
}

// Not for types of unknown shape: false.
template <class T>
consteval bool HoldsOurs() {
  if constexpr (ShapeOf<T>() >= Shape::kUnknown) {
    return false;
  } else {
    return MapOf<T>().any || MapOf<T>().traced;
  }
}

template <class... Fields>
consteval auto TypesOf(FieldList<Fields...>) {
  return TypeList<typename Fields::type...>();
}

// The types that T is made of, as far as they are looked into.
template <class T>
consteval auto PartsOf() {
  constexpr Shape kShape = ShapeOf<T>();
  if constexpr (kShape == Shape::kArray) {
    return TypeList<std::remove_cv_t<typename ElementOf<T>::type>>();
  } else if constexpr (kShape == Shape::kPair) {
    return TypesOf(typename PairOf<T>::Fields());
  } else if constexpr (kShape == Shape::kDescribed) {
    return TypesOf(typename DescriptionOf<T>::fields());
  } else if constexpr (kShape == Shape::kPlain) {
    return TypesOf(FieldsOf<T>());
  } else {
    return typename StandardParts<T>::inside();
  }
}

// Asked for each asker anew: what is incomplete now may be complete later.
template <class T, class Asker, class = void>
inline constexpr bool kIsComplete = false;
template <class T, class Asker>
inline constexpr bool kIsComplete<T, Asker, std::void_t<decltype(sizeof(T))>> = true;

}  // namespace detail
}  // namespace spanheap

#endif
