// SPDX-License-Identifier: MIT
#include "os/fork_handlers.h"

#include "base/platform.h"

// glibc's, and part of its interface to libraries. The last is who asks: a library that is unloaded
// takes its functions along.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming)
extern "C" int __register_atfork(void (*before)(), void (*in_parent)(), void (*in_child)(),
                                 void* library);
extern "C" [[gnu::visibility("hidden")]] void* __dso_handle;

namespace spanheap::os {

SPANHEAP_AT_START bool AddForkHandlers(void (*before)(), void (*in_parent)(), void (*in_child)()) {
  return __register_atfork(before, in_parent, in_child, __dso_handle) == 0;
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

}  // namespace spanheap::os
