// SPDX-License-Identifier: MIT
//
// Published<T>: a plain record that one thread replaces and any may read whole.
//
// Idea.       A version that is odd while the record is being written: a reader takes what it saw
//             if the version was even before and is the same after.
// Invariants. A reader that saw a word of a later record sees a later version: words are stored
//             with release after the odd version, and loaded with acquire before it is looked at.
// Threads.    Write: one at a time. Read: any; repeats while a write goes on, a few nanoseconds; if
//             the writer is kept from going on, the record is read as it is after a while.
// Tests.      tests/base/published_test.cc, also under TSan.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/atomic.h"

namespace spanheap {

template <class T>
class Published {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(uint64_t) == 0 &&
                alignof(T) == alignof(uint64_t));

 public:
  void Write(const T& record) {
    const uint32_t version = version_.LoadRelaxed();  // relaxed: written by this thread
    version_.StoreRelaxed(version + 1);               // relaxed: each word's store comes after it
    const char* from = reinterpret_cast<const char*>(&record);
    for (size_t i = 0; i < kWords; ++i) {
      uint64_t word;
      std::memcpy(&word, from + i * sizeof word, sizeof word);
      __atomic_store_n(WordOf(value_, i), word, __ATOMIC_RELEASE);
    }
    version_.StoreRelease(version + 2);
  }

  // In a forked child, whose parent's writer may have been in the midst of `record`.
  void FinishInChild(const T& record) {
    const uint32_t version = version_.LoadRelaxed();  // relaxed, both: the child has one thread
    if (version % 2 == 0) return;
    version_.StoreRelaxed(version - 1);
    Write(record);
  }

  T Read() const {
    for (unsigned tries = 0;; ++tries) {
      const uint32_t version = version_.LoadAcquire();
      const T record = ReadWords();
      // Relaxed: the words' loads come before it.
      const bool is_whole = version % 2 == 0 && version_.LoadRelaxed() == version;
      if (is_whole || tries == kMostTries) return record;
    }
  }

 private:
  // For so long the writer has lost its processor, perhaps to this thread.
  static constexpr unsigned kMostTries = 1U << 24;
  static constexpr size_t kWords = sizeof(T) / sizeof(uint64_t);
  using Word [[gnu::may_alias]] = uint64_t;

  // Acquire: the version is looked at again after all of them.
  T ReadWords() const {
    T record{};
    char* to = reinterpret_cast<char*>(&record);
    for (size_t i = 0; i < kWords; ++i) {
      const uint64_t word = __atomic_load_n(WordOf(value_, i), __ATOMIC_ACQUIRE);
      std::memcpy(to + i * sizeof word, &word, sizeof word);
    }
    return record;
  }
  static Word* WordOf(T& value, size_t i) { return reinterpret_cast<Word*>(&value) + i; }
  static const Word* WordOf(const T& value, size_t i) {
    return reinterpret_cast<const Word*>(&value) + i;
  }

  friend struct RootRecord;  // looks from outside, at a process that stands still or does not mind
  T value_{};
  Atomic<uint32_t> version_;
};

}  // namespace spanheap
