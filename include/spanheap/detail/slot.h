// SPDX-License-Identifier: MIT
//
// slot.h: one word that holds a collected pointer: how Ptr and its kin begin, change and read it.
//
// Idea.   A change of a word goes through the barrier (barrier.h). A word that begins does, too:
//         the new value may be known to a scanned stack alone, and the memory may have held a
//         pointer that nobody cleared (an optional that is filled again).
// Cost.   A test of a global word and a store.
#ifndef SPANHEAP_DETAIL_SLOT_H
#define SPANHEAP_DETAIL_SLOT_H

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "spanheap/detail/barrier.h"
#include "spanheap/detail/pointer_check.h"
#include "spanheap/gc_c.h"

namespace spanheap::detail {

class Slot {
 public:
  constexpr Slot() noexcept {
    if (std::is_constant_evaluated()) {
      word_ = nullptr;
    } else {
      Begin(nullptr);
    }
  }
  explicit Slot(const volatile void* value) noexcept { Begin(const_cast<void*>(value)); }

  void* Load() const noexcept { return __atomic_load_n(&word_, __ATOMIC_RELAXED); }
  void* Load(std::memory_order order) const noexcept {
    return __atomic_load_n(&word_, static_cast<int>(order));
  }
  void Store(const volatile void* value) noexcept {
    StorePointer(&word_, const_cast<void*>(value));
  }
  // Relaxed, release, or sequentially consistent.
  [[gnu::always_inline]] void Store(const volatile void* value, std::memory_order order) noexcept {
    if (order == std::memory_order_relaxed) {
      Store(value);
    } else if (order == std::memory_order_seq_cst) {
      Exchange(value);
    } else {
      StorePointerRelease(&word_, const_cast<void*>(value));
    }
  }
  // Sequentially consistent, both of these.
  void* Exchange(const volatile void* value) noexcept {
    return sh_gc_exchange(&word_, const_cast<void*>(value));
  }
  bool CompareExchange(void** expected, const volatile void* value) noexcept {
    return sh_gc_compare_exchange(&word_, expected, const_cast<void*>(value)) != 0;
  }

 private:
  // Declared only, not deleted: see AtomicPtr.
  Slot(const Slot&);
  Slot& operator=(const Slot&);

  // always_inline: files with and without checks may be linked together.
  [[gnu::always_inline]] void Begin(void* value) noexcept {
    if constexpr (kPointerChecks) CheckSlot(&word_);
    StorePointer(&word_, value);
  }

  void* word_;
};

}  // namespace spanheap::detail

#endif
