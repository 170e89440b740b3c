// SPDX-License-Identifier: MIT
//
// create.h: New, TryNew, NewArray, Delete: collected objects begin, and may be told to end.
//
// Idea.   Memory comes zeroed, so a constructor that is interrupted by the collector, or leaves by
//         an exception, leaves an object that can be scanned as it is. A destructor is registered
//         after the constructor has returned; a type without one costs nothing.
// Threads. Any.
// Fails.   New and NewArray throw std::bad_alloc, the Try forms return null. What a constructor
//          throws passes through; the memory is collected.
// Cost.    A small object: a dozen instructions and the constructor; else sh_gc_new. The empty asm
//          stands for "this memory has been written": compilers may drop what was written before
//          an object's life begins, zeros too.
#ifndef SPANHEAP_DETAIL_CREATE_H
#define SPANHEAP_DETAIL_CREATE_H

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "spanheap/detail/layout.h"
#include "spanheap/detail/pointer.h"
#include "spanheap/detail/take_slot.h"
#include "spanheap/detail/throw.h"

namespace spanheap {
namespace detail {

// Objects that a thread may take from its own slots: at least 16 bytes with their padding, at most
// 512, all of whose pointers are in one word of bits.
template <class T>
inline constexpr bool kIsTaken =
    sizeof(T) <= 512 && (TypeLayout<T>::Kind() == SH_SCAN_PRECISE ||
                         (TypeLayout<T>::Kind() == SH_SCAN_NONE && sizeof(T) >= 16));

template <class T>
[[gnu::always_inline]] inline void* AllocateOne() {
  if constexpr (kIsTaken<T>) {
    constexpr bool kHasPointers = TypeLayout<T>::Kind() == SH_SCAN_PRECISE;
    constexpr uint64_t kBits = kHasPointers ? TypeLayout<T>::kMap.bits[0] : 0;
    if (void* const taken = TryTakeObject(*LayoutOf<T>(), kBits)) [[likely]]
      return taken;
  }
  return sh_gc_new(LayoutOf<T>(), 1);
}

// The same for arrays. What may hold other words than pointers is not among them: the heap wants to
// know of it first.
template <class T>
inline constexpr bool kIsTakenInArrays =
    sizeof(T) <= 512 &&
    (TypeLayout<T>::Kind() == SH_SCAN_NONE ||
     (TypeLayout<T>::Kind() == SH_SCAN_PRECISE && !TypeLayout<T>::kMap.ambiguous));

template <class T>
[[gnu::always_inline]] inline void* AllocateMany(std::size_t count) {
  if (count == 1) return AllocateOne<T>();  // the bits of one need not go on to the slot's end
  if constexpr (kIsTakenInArrays<T>) {
    constexpr bool kHasPointers = TypeLayout<T>::Kind() == SH_SCAN_PRECISE;
    constexpr uint64_t kPattern =
        kHasPointers ? TypeLayout<T>::kMap.bits[0] * MultiplesOf(sizeof(T) / 8) : 0;
    if (count <= 512 / sizeof(T) && count * sizeof(T) >= 16) [[likely]] {
      if (void* const taken = TryTakeArray<kHasPointers>(count * sizeof(T), kPattern)) [[likely]]
        return taken;
    }
  }
  return sh_gc_new(LayoutOf<T>(), count);
}

[[gnu::always_inline]] inline void* Written(void* memory) {
  asm volatile("" : "+r"(memory) : : "memory");
  return memory;
}

// T{} of memory that is zero already needs nothing; a pointer of zero is null.
template <class T>
inline constexpr bool kIsZeroAtFirst =
    std::is_trivially_default_constructible_v<T> || PointerWord<T>;
template <class T>
inline constexpr bool kIsZeroAtFirst<Conservative<T>> = kIsZeroAtFirst<T>;
template <class T, class... Args>
inline constexpr bool kZeroIsConstructed = sizeof...(Args) == 0 && kIsZeroAtFirst<T>;

template <class T, class... Args>
[[gnu::always_inline]] inline T* ConstructAt(void* memory, Args&&... args) {
  if constexpr (kZeroIsConstructed<T, Args...>) {
    return static_cast<T*>(memory);
  } else if constexpr (kPointerChecks) {
    const ConstructionScope scope(memory, sizeof(T), LayoutOf<T>());
    return ::new (memory) T(std::forward<Args>(args)...);
  } else {
    return ::new (memory) T(std::forward<Args>(args)...);
  }
}

// Words that any code may write, as a lambda's or a union's.
template <class T>
inline constexpr bool kHasAmbiguousWords =
    TypeLayout<T>::Kind() == SH_SCAN_CONSERVATIVE ||
    (TypeLayout<T>::Kind() == SH_SCAN_PRECISE && TypeLayout<T>::kMap.ambiguous);

// An object is born marked while the collector marks. What a constructor has put there unseen by
// the barrier may have come from a stack that is still to be scanned, and not be there by then.
inline void TellStored(void* memory, std::size_t bytes) {
  if (sh_inline_v1.barrier_on == 0) [[likely]]
    return;
  void** const words = static_cast<void**>(memory);
  sh_gc_store_many(words, words, bytes / sizeof(void*));
}

// Registers the destructors of `count` elements; false: no memory, and they have been destroyed.
template <class T>
bool ArmDestructor([[maybe_unused]] T* object, [[maybe_unused]] std::size_t count) {
  if constexpr (!std::is_trivially_destructible_v<T>) {
    if (sh_gc_set_destructor(Untyped(object), LayoutOf<T>(), count) != 0) {
      std::destroy_n(object, count);
      return false;
    }
  }
  return true;
}

// Destroys the elements that there are when the constructor of the next leaves by an exception.
template <class T>
struct PartOfArray {
  T* const first;
  const std::size_t count;
  std::size_t done = 0;
  ~PartOfArray() {
    if (done < count) std::destroy_n(first, done);
  }
};

// Elements with a constructor, one after the other.
template <class T>
T* ConstructArray(void* memory, std::size_t count) {
  T* const first = static_cast<T*>(memory);
  if constexpr (!kZeroIsConstructed<T>) {
    PartOfArray<T> part{first, count};
    for (; part.done < count; ++part.done) ConstructAt<T>(Untyped(first + part.done));
  }
  return first;
}

}  // namespace detail

// A collected T, constructed from `args` as T(args...); a plain struct takes its fields in order.
// Null: no memory.
template <class T, class... Args>
T* TryNew(Args&&... args) {
  void* const memory = detail::Written(detail::AllocateOne<std::remove_cv_t<T>>());
  if (memory == nullptr) return nullptr;
  T* const object = detail::ConstructAt<T>(memory, std::forward<Args>(args)...);
  if constexpr (detail::kHasAmbiguousWords<T> && sizeof...(Args) != 0) {
    detail::TellStored(memory, sizeof(T));
  }
  return detail::ArmDestructor(object, 1) ? object : nullptr;
}

template <class T, class... Args>
T* New(Args&&... args) {
  T* const object = TryNew<T>(std::forward<Args>(args)...);
  if (object == nullptr) detail::Throw(std::bad_alloc());
  return object;
}

// `count` elements in one object, each as T() makes it: zero, null, or by its constructor.
template <class T>
T* TryNewArray(std::size_t count) {
  void* const memory = detail::Written(detail::AllocateMany<std::remove_cv_t<T>>(count));
  if (memory == nullptr) return nullptr;
  T* const first = detail::ConstructArray<T>(memory, count);
  return detail::ArmDestructor(first, count) ? first : nullptr;
}

template <class T>
T* NewArray(std::size_t count) {
  T* const first = TryNewArray<T>(count);
  if (first == nullptr) detail::Throw(std::bad_alloc());
  return first;
}

// Hint: nobody will use the object any more (gc_c.h, sh_gc_delete). Its destructor runs now.
template <class Holder>
void Delete(const Holder& holder) {
  sh_gc_delete(detail::Untyped(detail::AddressIn(holder)));
}

// The object holds `bytes` more (or fewer) outside of the collected heap; they count for the pace
// of collection until it dies. Throws std::bad_alloc; std::invalid_argument if there is no such
// object.
template <class Holder>
void AdjustExternal(const Holder& holder, int64_t bytes) {
  if (sh_gc_adjust_external(detail::Untyped(detail::AddressIn(holder)), bytes) != 0) {
    detail::ThrowWhy("bytes are held by a collected object");
  }
}

}  // namespace spanheap

#endif
