// SPDX-License-Identifier: MIT
//
// One call of mallctl: where the caller wants values, and the numbers that stood in the name.
// A value's function (mallctl_values.cc) gets it and returns 0 or an error number.
//
// Fails. EPERM: the value cannot be written (read). EINVAL: wrong length of a value; as much of it
//        as fits is copied all the same. jemalloc's own answers.
#pragma once

#include <errno.h>

#include <cstddef>
#include <cstring>

namespace spanheap::face {

struct ControlCall {
  void* old_value;
  size_t* old_length;
  const void* new_value;
  size_t new_length;
  size_t arena;  // what `#` stood for
  size_t index;  // what `@` stood for

  bool reads() const { return old_value != nullptr && old_length != nullptr; }
  bool writes() const { return new_value != nullptr || new_length != 0; }

  template <class T>
  int Give(T value) const {
    if (!reads()) return 0;
    if (*old_length == sizeof value) {
      memcpy(old_value, &value, sizeof value);
      return 0;
    }
    if (*old_length > sizeof value) *old_length = sizeof value;
    memcpy(old_value, &value, *old_length);
    return EINVAL;
  }
  template <class T>
  int GiveOnly(T value) const {
    return writes() ? EPERM : Give(value);
  }
  // The value that is to be written; false: it has another length.
  template <class T>
  bool Take(T& value) const {
    if (new_value == nullptr || new_length != sizeof value) return false;
    memcpy(&value, new_value, sizeof value);
    return true;
  }
};

struct ControlRow {
  const char* name;
  int (*handle)(const ControlCall& call);
};

// All names, in one table. `#` stands for an arena number: there is one arena, 0; 4096 means all,
// and so does the number of arenas, as jemalloc 5 still has it (redis asks so). `@` stands for the
// number of a size class: small ones in names with "bin", others elsewhere.
inline constexpr size_t kAllArenas = 4096;
inline constexpr size_t kArenaCount = 1;
const ControlRow* ControlRows(size_t& count);
// True if there is a class of this number for the row.
bool HasClass(const ControlRow& row, size_t number);

}  // namespace spanheap::face
