// SPDX-License-Identifier: MIT
//
// RootRecord: the library's own description for tools that look from outside: where its structures
// are and how they are laid out (include/spanheap/detail/root_record.h).
//
// Idea.       One table, written by the compiler: addresses of the one Runtime's members and
//             offsets of fields. Every described class names this one as its friend. A new
//             structure is a few lines in root_record.cc, and the same names in
//             tools/spanheap/look.
// Invariants. A name keeps its meaning for ever; what changes gets another name.
// Threads.    Constant.
// Cost.       A page or two of the library's read-only data; nothing at run time.
// Tests.      tests/runtime/root_record_test.cc, tests/tools/explain_test.py.
#pragma once

#include "spanheap/detail/root_record.h"

namespace spanheap {

struct RootRecord {
  static const sh_root_entry kEntries[];
  static const uint32_t kCount;
};

}  // namespace spanheap

// What the ELF note points to.
extern "C" [[gnu::visibility("hidden")]] const sh_root_record sh_root_record_1;
