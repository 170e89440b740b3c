// SPDX-License-Identifier: MIT
//
// Stands in for the header of the same name when code is explored (interleaving.h): the same calls,
// each a step of its own. One thread runs at a time, so plain values do.
#pragma once

#include <cstdint>

#include "interleaving.h"

namespace spanheap {

template <class T>
class Atomic {
 public:
  constexpr Atomic() = default;
  constexpr explicit Atomic(T v) : value_(v) {}

  T LoadRelaxed() const { return Load(); }
  T LoadAcquire() const { return Load(); }
  T LoadSequential() const { return Load(); }
  void StoreRelaxed(T v) { Store(v); }
  void StoreRelease(T v) { Store(v); }
  void StoreSequential(T v) { Store(v); }

  T Exchange(T v) {
    model::Step();
    return Change(v);
  }
  T FetchAdd(T v) {
    model::Step();
    return Change(static_cast<T>(value_ + v));
  }
  T FetchOr(T v) {
    model::Step();
    return Change(static_cast<T>(value_ | v));
  }
  T FetchAnd(T v) {
    model::Step();
    return Change(static_cast<T>(value_ & v));
  }
  void AddOwned(T v) { Store(static_cast<T>(value_ + v)); }

  bool CompareExchange(T& expected, T desired) {
    model::Step();
    const T before = value_;
    if (before == expected) value_ = desired;
    const bool is_done = before == expected;
    expected = before;
    model::Saw(static_cast<uint64_t>(before));
    return is_done;
  }
  bool CompareExchangeStrong(T& expected, T desired) { return CompareExchange(expected, desired); }

 private:
  T Load() const {
    model::Step();
    model::Saw(static_cast<uint64_t>(value_));
    return value_;
  }
  void Store(T v) {
    model::Step();
    value_ = v;
  }
  // The second half of a change: the step has been made.
  T Change(T to) {
    const T before = value_;
    value_ = to;
    model::Saw(static_cast<uint64_t>(before));
    return before;
  }

  T value_{};
};

}  // namespace spanheap
