// SPDX-License-Identifier: MIT
//
// layout.h: what the collector is told of a C++ type, computed at compile time.
//
// Idea.   TypeLayout<T>::record is the sh_layout of T: its pointer bits from pointer_map.h, its
//         name, its destructor. A plain struct needs nothing; another class says
//         SH_LAYOUT(T, fields...) inside its body (SH_LAYOUT_OF(T, fields...) beside the class if
//         it is somebody else's and its fields are public), or has a member
//         `void Trace(spanheap::Visitor&) const`.
// Fails.  A type that cannot be told is a compile error that names it and what to write.
// Cost.   One structure and its bits per type, in static memory.
// Tests.  tests/faces/native/layout_test.cc, compile_fail_test.py.
#ifndef SPANHEAP_DETAIL_LAYOUT_H
#define SPANHEAP_DETAIL_LAYOUT_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "spanheap/detail/for_each_field.h"
#include "spanheap/detail/pointer_map.h"
#include "spanheap/detail/raw_pointer.h"
#include "spanheap/detail/type_name.h"
#include "spanheap/detail/unseen_storage.h"
#include "spanheap/gc_c.h"

// Inside a class: these fields are all that may hold collected pointers; a field of a class type is
// looked into. Inherited fields that the class may name can be listed.
#define SH_LAYOUT(Type, ...)                                                                 \
  SH_OFFSETOF_IS_FINE [[maybe_unused]] friend constexpr auto SpanheapFieldsOf(const Type*) { \
    return ::spanheap::detail::DescribedFields<Type SH_FIELDS(Type, __VA_ARGS__)>();         \
  }                                                                                          \
  SH_OFFSETOF_AS_BEFORE

// The same for a class whose first base class has a layout: that, and these fields.
#define SH_LAYOUT_DERIVED(Type, Base, ...)                                                       \
  SH_OFFSETOF_IS_FINE [[maybe_unused]] friend constexpr auto SpanheapFieldsOf(const Type*) {     \
    return ::spanheap::detail::DescribedFields<                                                  \
        Type, ::spanheap::detail::Field<Base, ::spanheap::detail::FirstBaseOffset<Base, Type>()> \
                  SH_FIELDS(Type, __VA_ARGS__)>();                                               \
  }                                                                                              \
  SH_OFFSETOF_AS_BEFORE

// The same beside a class, in its namespace.
#define SH_LAYOUT_OF(Type, ...)                                                       \
  SH_OFFSETOF_IS_FINE [[maybe_unused]] constexpr auto SpanheapFieldsOf(const Type*) { \
    return ::spanheap::detail::DescribedFields<Type SH_FIELDS(Type, __VA_ARGS__)>();  \
  }                                                                                   \
  SH_OFFSETOF_AS_BEFORE

namespace spanheap {

// When a destructor that does something runs after its object's death.
enum class Finalize : uint32_t {
  kLater = SH_FINALIZE_LATER,      // on the finalizer thread; may touch anything
  kAtSweep = SH_FINALIZE_AT_SWEEP  // while the memory is swept; must not touch collected objects
};
inline constexpr Finalize finalize_later = Finalize::kLater;
inline constexpr Finalize finalize_at_sweep = Finalize::kAtSweep;

// A class chooses by a member `static constexpr auto kFinalize = spanheap::finalize_at_sweep;`, or
// by a specialisation of this. Nothing said: finalize_later.
template <class T>
inline constexpr Finalize kFinalizeOf = finalize_later;
template <class T>
  requires requires { T::kFinalize; }
inline constexpr Finalize kFinalizeOf<T> = T::kFinalize;

// What a Trace member is given: name each field that may hold collected pointers.
//   void Trace(spanheap::Visitor& visit) const { visit(left); visit(right); }
// It runs on other threads while the program goes on: only read, take no lock, and expect any field
// to be zero or just changing. So it calls no virtual function and reads nothing of a virtual base.
class Visitor {
 public:
  explicit Visitor(sh_visitor* to) : to_(to) {}

  template <class T>
  void operator()(const T& field);
  // An address by itself, however it was stored.
  void Address(const void* address) { sh_gc_visit(to_, address); }

 private:
  friend struct FieldVisitor;
  sh_visitor* to_;
};

// Visits the leaves of one object for a Visitor.
struct FieldVisitor {
  const char* base;
  Visitor& visitor;

  void Pointer(std::size_t offset) {
    visitor.Address(
        __atomic_load_n(reinterpret_cast<void* const*>(base + offset), __ATOMIC_RELAXED));
  }
  void Words(std::size_t offset, std::size_t bytes) {
    sh_gc_visit_words(visitor.to_, base + offset, bytes / detail::kWordBytes);
  }
  // Not by the table of virtual functions: before and behind an object's life there may be none.
  // The name is one that no class has: it is looked for in the class first.
  template <class TracedObject>
  void Object(std::size_t offset) {
    reinterpret_cast<const TracedObject*>(base + offset)->TracedObject::Trace(visitor);
  }
};

namespace detail {

template <class T>
struct NoLayoutFor {
  static constexpr Shape kShape = ShapeOf<T>();
  static_assert(kShape != Shape::kHidden,
                "spanheap: what this type has captured cannot be told and is not scanned. Let it "
                "capture a spanheap::Root if any, and say so, outside of all namespaces: "
                "template <> inline constexpr bool spanheap::kHoldsNoPointers<Type> = true;");
  static_assert(kShape != Shape::kInheritedLayout,
                "spanheap: the base class has an SH_LAYOUT, this class has none. Write "
                "SH_LAYOUT_DERIVED(Type, Base, fields...) in it.");
  static_assert(kShape != Shape::kInheritedTrace,
                "spanheap: the base class has a Trace member, this class has none. Write one that "
                "calls the base's.");
  static_assert(kShape != Shape::kUnknown,
                "spanheap: where this type holds collected pointers cannot be told. Write "
                "SH_LAYOUT(Type, fields...) in the class (fields: all that may hold spanheap::Ptr; "
                "none: SH_LAYOUT(Type)), give it a member void Trace(spanheap::Visitor&) const, or "
                "wrap it: spanheap::Conservative<Type>. If it is not yours and holds none, say so, "
                "outside of all namespaces: "
                "template <> inline constexpr bool spanheap::kHoldsNoPointers<Type> = true;");
};

// The innermost type whose layout is not known; T itself if that is not inside a struct.
template <class T>
consteval auto CulpritOf();

template <class T, class First, class... Fields>
consteval auto CulpritAmong(FieldList<First, Fields...>) {
  if constexpr (ShapeOf<typename First::type>() >= Shape::kUnknown) {
    return CulpritOf<typename First::type>();
  } else {
    return CulpritAmong<T>(FieldList<Fields...>());
  }
}
template <class T>
consteval auto CulpritAmong(FieldList<>) {
  return std::type_identity<T>();
}
template <class T>
consteval auto CulpritAmong(UnknownFields) {
  return std::type_identity<T>();
}

template <class T>
consteval auto CulpritOf() {
  if constexpr (kArrayLength<T> > 0) {
    return CulpritOf<std::remove_cv_t<typename ElementOf<T>::type>>();
  } else if constexpr (PairOf<T>::kIs) {
    return CulpritAmong<T>(typename PairOf<T>::Fields());
  } else if constexpr (ShapeOf<T>() == Shape::kUnknown) {
    return CulpritAmong<T>(FieldsOf<T>());
  } else {
    return std::type_identity<T>();
  }
}

template <class T>
consteval bool RequireLayout() {
  if constexpr (ShapeOf<T>() >= Shape::kUnknown) {
    return sizeof(NoLayoutFor<typename decltype(CulpritOf<T>())::type>) > 0;
  }
  return true;
}

template <class T>
void TraceElement(const void* element, sh_visitor* to) {
  Visitor visitor(to);
  FieldVisitor fields{static_cast<const char*>(element), visitor};
  Walk<T>(fields, 0);
}

template <class T>
void DestroyElement(void* element) {
  std::destroy_at(static_cast<T*>(element));
}

template <class T>
struct TypeLayout {
  static_assert(RequireLayout<T>());
  static_assert(RequireNoRawPointer<T>());
  static_assert(RequireNothingElsewhere<T>());
  static_assert(alignof(T) <= 16, "spanheap: collected objects lie at multiples of 16 at most.");

  static constexpr PointerMap<T> kMap = MapOf<T>();
  static_assert(kMap.aligned, "spanheap: a Ptr lies at no multiple of 8 (a packed struct?).");

  static constexpr uint32_t Kind() {
    if (kMap.traced) return SH_SCAN_TRACED;
    if (!kMap.any) return SH_SCAN_NONE;
    return kIsConservative<T> ? SH_SCAN_CONSERVATIVE : SH_SCAN_PRECISE;
  }
  static constexpr uint32_t Flags() {
    const uint32_t words = kMap.ambiguous ? uint32_t{SH_AMBIGUOUS_WORDS} : 0;
    if constexpr (std::is_trivially_destructible_v<T>) return words;
    return words | static_cast<uint32_t>(kFinalizeOf<T>);
  }
  static constexpr auto Trace() -> decltype(sh_layout::trace) {
    if constexpr (Kind() == SH_SCAN_TRACED) return TraceElement<T>;
    return nullptr;
  }
  static constexpr auto Destroy() -> decltype(sh_layout::destroy) {
    if constexpr (!std::is_trivially_destructible_v<T>) return DestroyElement<T>;
    return nullptr;
  }

  static inline constinit sh_layout record = {
      sizeof(T), Kind(), Flags(), kMap.bits.data(), Trace(), Destroy(), TypeName<T>::kText.data(),
      0,         0};
};

template <class T>
inline sh_layout* LayoutOf() {
  return &TypeLayout<std::remove_cv_t<T>>::record;
}

}  // namespace detail

template <class T>
void Visitor::operator()(const T& field) {
  static_assert(detail::RequireLayout<T>());
  FieldVisitor fields{reinterpret_cast<const char*>(std::addressof(field)), *this};
  detail::Walk<T>(fields, 0);
}

}  // namespace spanheap

#endif
