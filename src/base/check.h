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

// Expressions, so that they add no nesting where they stand.
#define SPANHEAP_CHECK(condition) SPANHEAP_REQUIRE(condition, #condition)
#define SPANHEAP_DCHECK(condition) \
  SPANHEAP_REQUIRE(!::spanheap::kDebugChecks || (condition), #condition)
#define SPANHEAP_REQUIRE(condition, text) \
  ((condition) ? static_cast<void>(0) : ::spanheap::FatalInternal(text, __FILE_NAME__, __LINE__))
