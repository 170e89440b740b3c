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
static void Nothing() {}
static void (*PrepareFirstThread())() {
  spanheap::heap::PrepareThreadBeforeTls();
  return Nothing;
}
__attribute__((visibility("hidden"), ifunc("PrepareFirstThread"))) void spanheap_nothing();

// What makes the linker call the resolver.
__attribute__((used)) static void (*const resolved)() = spanheap_nothing;
}
