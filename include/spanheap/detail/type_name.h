// SPDX-License-Identifier: MIT
//
// type_name.h: a type's name as the compiler prints it, at compile time.
#ifndef SPANHEAP_DETAIL_TYPE_NAME_H
#define SPANHEAP_DETAIL_TYPE_NAME_H

#include <array>
#include <cstddef>
#include <string_view>

namespace spanheap::detail {

template <class T>
constexpr std::string_view PrintedName() {
  constexpr std::string_view kText = __PRETTY_FUNCTION__;
  // gcc: "... [with T = Node; std::string_view = ...]", clang: "... [T = Node]".
  constexpr std::size_t kBegin = kText.find("T = ") + 4;
  constexpr std::size_t kSemicolon = kText.find("; std::string_view = ", kBegin);
  constexpr std::size_t kEnd = kSemicolon != std::string_view::npos ? kSemicolon : kText.rfind(']');
  return kText.substr(kBegin, kEnd - kBegin);
}

// The same, closed by a zero, for C.
template <class T>
struct TypeName {
  static constexpr auto kText = [] {
    constexpr std::string_view kName = PrintedName<T>();
    std::array<char, kName.size() + 1> text{};
    for (std::size_t i = 0; i < kName.size(); ++i) text[i] = kName[i];
    return text;
  }();
};

}  // namespace spanheap::detail

#endif
