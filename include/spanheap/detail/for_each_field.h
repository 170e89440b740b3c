// SPDX-License-Identifier: MIT
//
// for_each_field.h: the preprocessor's part of SH_LAYOUT: a list of names becomes a list of types.
//
// Idea.   SH_FIELDS(T, a, b) is `, Field<type of T::a, offset of T::a>, Field<...b...>`. A macro
//         cannot call itself; SH_AGAIN asks the preprocessor to look at it again, often enough for
//         80 names.
#ifndef SPANHEAP_DETAIL_FOR_EACH_FIELD_H
#define SPANHEAP_DETAIL_FOR_EACH_FIELD_H

#include <cstddef>

#define SH_PARENTHESES ()
#define SH_AGAIN(...) SH_AGAIN3(SH_AGAIN3(SH_AGAIN3(__VA_ARGS__)))
#define SH_AGAIN3(...) SH_AGAIN2(SH_AGAIN2(SH_AGAIN2(__VA_ARGS__)))
#define SH_AGAIN2(...) SH_AGAIN1(SH_AGAIN1(SH_AGAIN1(__VA_ARGS__)))
#define SH_AGAIN1(...) SH_AGAIN0(SH_AGAIN0(SH_AGAIN0(__VA_ARGS__)))
#define SH_AGAIN0(...) __VA_ARGS__

#define SH_FIELDS(Type, ...) __VA_OPT__(SH_AGAIN(SH_NEXT_FIELD(Type, __VA_ARGS__)))
#define SH_NEXT_FIELD(Type, name, ...)                                                      \
  , ::spanheap::detail::Field<std::remove_cv_t<decltype(Type::name)>, offsetof(Type, name)> \
    __VA_OPT__(SH_NEXT_FIELD_LATER SH_PARENTHESES(Type, __VA_ARGS__))
#define SH_NEXT_FIELD_LATER() SH_NEXT_FIELD

// Compilers warn that the offset of a field is not portable where a class is not as plain as C's;
// the compilers that this header is for all know it, but for virtual bases.
#define SH_OFFSETOF_IS_FINE \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Winvalid-offsetof\"")
#define SH_OFFSETOF_AS_BEFORE _Pragma("GCC diagnostic pop") static_assert(true)

#endif
