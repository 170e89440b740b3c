// SPDX-License-Identifier: MIT
//
// Functions that run around a fork, for ever.
//
// Idea.    What pthread_atfork does. That is a function of its own in each library, and the linker
//          puts it behind all other code: a page of it that every start would touch.
// Threads. Any.
// Fails.   False when libc has no memory to note them.
#pragma once

namespace spanheap::os {

[[nodiscard]] bool AddForkHandlers(void (*before)(), void (*in_parent)(), void (*in_child)());

}  // namespace spanheap::os
