// SPDX-License-Identifier: MIT
//
// spanheap/gc.h: C++ objects that nobody frees.
//
//   using namespace spanheap;
//   struct Node { Ptr<Node> left, right; int value; };   // a plain struct needs nothing more
//   Node* tree = New<Node>(nullptr, nullptr, 42);         // locals: Node* or Ptr<Node>
//   Root<Node> global;                                    // outside of stacks and objects
//   Weak<Node> weak = tree;                               // weak.get(): null once it died
//   AddCleanup(tree, [](int fd) { close(fd); }, fd);      // after its death
//   auto table = NewArray<Ptr<Node>>(n);                  // arrays, scanned as their elements say
//   SetGcPercent(100); SetMemoryLimit(512_MiB); Collect(); GcStats stats = ReadGcStats();
//
// docs/native.md is the guide. Needs C++20; link spanheap::gc, or spanheap::malloc if malloc shall
// be this heap as well.
#ifndef SPANHEAP_GC_H
#define SPANHEAP_GC_H

#if __cplusplus < 202002L
#error "spanheap/gc.h needs C++20: -std=c++20, in CMake spanheap::gc or CMAKE_CXX_STANDARD 20"
#else

#include "spanheap/detail/control.h"
#include "spanheap/detail/coroutine.h"
#include "spanheap/detail/create.h"
#include "spanheap/detail/death.h"
#include "spanheap/detail/hash_map.h"
#include "spanheap/detail/keepers.h"
#include "spanheap/detail/layout.h"
#include "spanheap/detail/layout_std.h"
#include "spanheap/detail/list.h"
#include "spanheap/detail/pointer.h"
#include "spanheap/detail/root.h"
#include "spanheap/detail/root_allocator.h"
#include "spanheap/detail/string.h"
#include "spanheap/detail/vector.h"
#include "spanheap/detail/weak.h"

#endif

#endif
