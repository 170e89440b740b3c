// SPDX-License-Identifier: MIT
//
// Units are types: an address, a byte count, a page count and a page number cannot be mixed up.
//
// Idea.   Two templates. A Quantity counts (it adds, subtracts and compares with its own kind); an
//         Ordinal numbers (it moves by a Quantity, and two of them are a Quantity apart).
//         Conversions between kinds are named functions in layout/geometry.h.
// Cost.   None: each compiles to its representation.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace spanheap {

template <class Tag, class Rep>
struct Quantity {
  Rep value = 0;

  constexpr Quantity() = default;
  constexpr explicit Quantity(Rep v) : value(v) {}
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity& operator+=(Quantity o) {
    value += o.value;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity o) {
    value -= o.value;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return a -= b; }
  friend constexpr Quantity operator*(Quantity a, Rep times) { return Quantity(a.value * times); }
  friend constexpr Rep operator/(Quantity a, Quantity b) { return a.value / b.value; }
};

template <class Tag, class Rep, class Step>
struct Ordinal {
  Rep value = 0;

  constexpr Ordinal() = default;
  constexpr explicit Ordinal(Rep v) : value(v) {}
  constexpr auto operator<=>(const Ordinal&) const = default;
  constexpr Ordinal& operator+=(Step s) {
    value += static_cast<Rep>(s.value);
    return *this;
  }
  constexpr Ordinal& operator-=(Step s) {
    value -= static_cast<Rep>(s.value);
    return *this;
  }
  constexpr Ordinal& operator++() {
    ++value;
    return *this;
  }
  friend constexpr Ordinal operator+(Ordinal a, Step s) { return a += s; }
  friend constexpr Ordinal operator-(Ordinal a, Step s) { return a -= s; }
  friend constexpr Step operator-(Ordinal a, Ordinal b) {
    return Step(static_cast<decltype(Step{}.value)>(a.value - b.value));
  }
};

using Bytes = Quantity<struct BytesTag, size_t>;    // a length in bytes
using Pages = Quantity<struct PagesTag, uint32_t>;  // a length in 8 KiB heap pages

using Address = Ordinal<struct AddressTag, uintptr_t, Bytes>;  // a place in this process
// A heap page's number in the page index space (layout/geometry.h), dense in both address modes.
using PageIndex = Ordinal<struct PageIndexTag, uint32_t, Pages>;

using Count = Quantity<struct CountTag, uint32_t>;                  // how many of something
using ChunkIndex = Ordinal<struct ChunkIndexTag, uint32_t, Count>;  // a group of 512 pages

inline constexpr Bytes operator""_B(unsigned long long n) { return Bytes(n); }
inline constexpr Bytes operator""_KiB(unsigned long long n) { return Bytes(n << 10); }
inline constexpr Bytes operator""_MiB(unsigned long long n) { return Bytes(n << 20); }
inline constexpr Bytes operator""_GiB(unsigned long long n) { return Bytes(n << 30); }

inline Address AddressOf(const void* p) { return Address(reinterpret_cast<uintptr_t>(p)); }
template <class T = void>
T* PointerTo(Address a) {
  return reinterpret_cast<T*>(a.value);
}

}  // namespace spanheap
