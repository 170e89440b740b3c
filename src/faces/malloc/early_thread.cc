// SPDX-License-Identifier: MIT
//
// Makes malloc work while the dynamic linker is still linking the program.
//
// Idea.   The linker fills the first thread's variables from their initial values only when it has
//         relocated all objects; until then they are zero, also the pointer that our fast paths
//         follow. But a resolver of the program (IFUNC) may run before that, and allocate. So
//         we have a resolver of our own, which runs at the end of our own relocation, before the
//         program's: it makes the variables usable, until the linker overwrites them.
// Limits. A resolver of a library that is relocated before this one finds no malloc that works; the
//         same holds for any malloc but libc's. A static program's resolvers run before there are
//         thread variables at all.
// Tests.  tests/faces/malloc/early_and_late.cc.
#include "runtime/heap.h"

extern "C" {
[[gnu::visibility("hidden")]] void spanheap_nothing() {}
[[gnu::visibility("hidden")]] void (*spanheap_prepare_first_thread())() {
  spanheap::heap::PrepareThreadBeforeTls();
  return spanheap_nothing;
}
[[gnu::visibility("hidden")]] void spanheap_resolved()
    __attribute__((ifunc("spanheap_prepare_first_thread")));
}

namespace {

// What makes the linker call the resolver.
__attribute__((used)) void (*const kResolved)() = spanheap_resolved;

}  // namespace
