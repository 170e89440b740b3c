// SPDX-License-Identifier: MIT
//
// field_unions.h: has a struct a field that is a union without a name? Such a struct cannot be
// taken apart if the field has no name either, and that is an error no program can ask about.
//
// Idea.   A value that turns into unnamed unions alone is accepted as the n-th initialiser if the
//         n-th field is one. All lines are alike, as in field_types.h.
// Limits. Also said of a field that is a struct which begins with such a union: its braces may be
//         left out.
// Tests.  tests/faces/native/layout_test.cc, compile_fail_test.py.
#ifndef SPANHEAP_DETAIL_FIELD_UNIONS_H
#define SPANHEAP_DETAIL_FIELD_UNIONS_H

#include <string_view>
#include <type_traits>

#include "spanheap/detail/type_name.h"

namespace spanheap::detail {

// gcc prints "<unnamed union>", clang "(unnamed union at ...)" or "(anonymous union at ...)".
template <class T>
consteval bool IsUnnamedUnion() {
  if constexpr (std::is_union_v<T>) {
    constexpr std::string_view kName = PrintedName<T>();
    return kName.find("unnamed union") != std::string_view::npos ||
           kName.find("anonymous union") != std::string_view::npos;
  }
  return false;
}

struct ToUnnamedUnion {
  template <class T>
    requires(IsUnnamedUnion<T>())
  operator T() const noexcept;  // NOLINT(google-explicit-constructor)
};

// As the n-th initialiser.
template <class T>
concept AcceptsUnion1 = requires { T{ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion2 = requires { T{{}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion3 = requires { T{{}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion4 = requires { T{{}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion5 = requires { T{{}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion6 = requires { T{{}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion7 = requires { T{{}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion8 = requires { T{{}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion9 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion10 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion11 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion12 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion13 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion14 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion15 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion16 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()}; };
template <class T>
concept AcceptsUnion17 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()};
};
template <class T>
concept AcceptsUnion18 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()};
};
template <class T>
concept AcceptsUnion19 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()};
};
template <class T>
concept AcceptsUnion20 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()};
};
template <class T>
concept AcceptsUnion21 = requires {
  T{{}, {}, {}, {}, {}, {}, {},
    {}, {}, {}, {}, {}, {}, {},
    {}, {}, {}, {}, {}, {}, ToUnnamedUnion()};
};
template <class T>
concept AcceptsUnion22 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
    {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()};
};
template <class T>
concept AcceptsUnion23 = requires {
  T{{},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    {},
    ToUnnamedUnion()};
};
template <class T>
concept AcceptsUnion24 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
    {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ToUnnamedUnion()};
};

template <class T>
concept HasUnnamedUnion =
    AcceptsUnion1<T> || AcceptsUnion2<T> || AcceptsUnion3<T> || AcceptsUnion4<T> ||
    AcceptsUnion5<T> || AcceptsUnion6<T> || AcceptsUnion7<T> || AcceptsUnion8<T> ||
    AcceptsUnion9<T> || AcceptsUnion10<T> || AcceptsUnion11<T> || AcceptsUnion12<T> ||
    AcceptsUnion13<T> || AcceptsUnion14<T> || AcceptsUnion15<T> || AcceptsUnion16<T> ||
    AcceptsUnion17<T> || AcceptsUnion18<T> || AcceptsUnion19<T> || AcceptsUnion20<T> ||
    AcceptsUnion21<T> || AcceptsUnion22<T> || AcceptsUnion23<T> || AcceptsUnion24<T>;

}  // namespace spanheap::detail

#endif
