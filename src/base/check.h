// SPDX-License-Identifier: MIT
//
// Check: an invariant of ours that must hold; always on. DCheck: the same in debug builds only.
// A failure is our bug; the mistakes of the program have their own calls in fatal.h.
#pragma once

#include "base/platform.h"

namespace spanheap {

// Prints "spanheap[pid]: internal error: <what> at <file>:<line>" and aborts.
[[noreturn]] SPANHEAP_COLD void FatalInternal(const char* what, const char* file, int line);

}  // namespace spanheap

#define SPANHEAP_CHECK(condition)                                     \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::spanheap::FatalInternal(#condition, __FILE_NAME__, __LINE__); \
  } while (false)
#define SPANHEAP_DCHECK(condition)                                     \
  do {                                                                 \
    if constexpr (::spanheap::kDebugChecks) SPANHEAP_CHECK(condition); \
  } while (false)
