// SPDX-License-Identifier: MIT
//
// FindLoaded: the address of a function in any object loaded now, also one loaded locally by
// dlopen, without dlsym: no allocation, no lock but the dynamic linker's own.
//
// Idea.  Walks the loaded objects in load order and looks the name up in each one's GNU hash table.
//        Needed on two cold paths only: throwing bad_alloc in a C program that loaded C++ later,
//        and writing to a FILE without being linked to stdio.
// Fails. Null: no object defines it as a function (static programs define nothing this way).
// Tests. tests/faces/malloc/processes_test.py (C++ that comes late), conformance.cc (malloc_info).
#pragma once

namespace spanheap::face {

void* FindLoaded(const char* name);

template <class Function>
Function* FindLoadedFunction(const char* name) {
  return reinterpret_cast<Function*>(FindLoaded(name));
}

}  // namespace spanheap::face
