// SPDX-License-Identifier: MIT
//
// Atomics that carry their order in the name of the call, so that every use says what it relies on.
//
// Habit.  Each LoadRelaxed and StoreRelaxed in the project stands beside a comment saying why no
//         order is needed. Read-modify-write calls are acquire-release unless named Relaxed.
#pragma once

#include <atomic>

namespace spanheap {

template <class T>
class Atomic {
 public:
  constexpr Atomic() = default;
  constexpr explicit Atomic(T v) : value_(v) {}

  T LoadRelaxed() const { return value_.load(std::memory_order_relaxed); }
  T LoadAcquire() const { return value_.load(std::memory_order_acquire); }
  T LoadSequential() const { return value_.load(std::memory_order_seq_cst); }
  void StoreRelaxed(T v) { value_.store(v, std::memory_order_relaxed); }
  void StoreRelease(T v) { value_.store(v, std::memory_order_release); }
  void StoreSequential(T v) { value_.store(v, std::memory_order_seq_cst); }

  // Each returns the value before the change.
  T Exchange(T v) { return value_.exchange(v, std::memory_order_acq_rel); }
  T FetchAdd(T v) { return value_.fetch_add(v, std::memory_order_acq_rel); }
  T FetchSub(T v) { return value_.fetch_sub(v, std::memory_order_acq_rel); }
  T FetchOr(T v) { return value_.fetch_or(v, std::memory_order_acq_rel); }
  T FetchAnd(T v) { return value_.fetch_and(v, std::memory_order_acq_rel); }
  T FetchAddRelaxed(T v) { return value_.fetch_add(v, std::memory_order_relaxed); }
  T FetchSubRelaxed(T v) { return value_.fetch_sub(v, std::memory_order_relaxed); }

  // An add by the only writer: readers may see the old or the new value, never a torn one.
  void AddOwned(T v) { StoreRelaxed(static_cast<T>(LoadRelaxed() + v)); }

  // True if `expected` was there and `desired` is now; otherwise `expected` is what was there.
  bool CompareExchange(T& expected, T desired) {
    return value_.compare_exchange_weak(expected, desired, std::memory_order_acq_rel,
                                        std::memory_order_acquire);
  }
  bool CompareExchangeStrong(T& expected, T desired) {
    return value_.compare_exchange_strong(expected, desired, std::memory_order_acq_rel,
                                          std::memory_order_acquire);
  }

  std::atomic<T>& raw() { return value_; }

 private:
  std::atomic<T> value_{};
};

}  // namespace spanheap
