// SPDX-License-Identifier: MIT
//
// What each copy of the library shows to other copies in the same process: the exported variable
// sh_core_v1, a table of its outward functions.
//
// Idea.       A process has one heap. A copy of libspanheap-embed that finds the table of another
//             copy calls that copy's functions instead of its own (core_choice.h).
// Invariants. The first two words never change their meaning; a table of another number is not
//             read beyond them. A live core stays live.
// Threads.    Constant, but for is_live, which is written once.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "faces/embed/core_names.h"
#include "mutators/inline_data.h"

namespace spanheap::face {

// Of the table's layout and of what programs inline (spanheap/detail/inline_v1.h).
inline constexpr uint32_t kCoreNumber = 3;

struct CoreTable {
  uint32_t number;
  Atomic<uint32_t> is_live;  // 1: this copy's heap is in use, or will be
  void (*mirror_inline)(InlineMirror& mirror) noexcept;
// gcc refuses the parentheses that the linter wants. NOLINTNEXTLINE(bugprone-macro-parentheses)
#define SPANHEAP_FIELD(result, name, parameters, arguments) decltype(&::name) name;
  SPANHEAP_CORE_NAMES(SPANHEAP_FIELD)
#undef SPANHEAP_FIELD
};

// This copy's own, whatever other copies there are.
extern "C" [[gnu::visibility("hidden")]] CoreTable spanheap_own_core;

}  // namespace spanheap::face
