// SPDX-License-Identifier: MIT
//
// Symbols of the objects that are loaded now, also of one loaded locally by dlopen, without dlsym:
// no allocation, no lock but the dynamic linker's own.
//
// Idea.  Walks the loaded objects in load order and looks the name up in each one's GNU hash table.
//        Needed on cold paths only: throwing bad_alloc in a C program that loaded C++ later,
//        writing to a FILE without being linked to stdio, finding another copy of this library.
// Fails. Null, or no call: no object defines it (static programs define nothing this way).
// Tests. tests/os/loaded_symbols_test.cc, tests/faces/malloc/processes_test.py.
#pragma once

#include <cstdint>

namespace spanheap::os {

enum class LoadedKind : uint8_t { kFunction, kVariable };

// see(address, context) for each object's definition, until it returns false.
void ForEachLoaded(const char* name, LoadedKind kind, bool (*see)(void* address, void* context),
                   void* context);
// The first object's; null if there is none.
void* FindLoaded(const char* name);
// Calls call(context) while no other thread can do the same, load an object or unload one. It may
// use the calls above.
void WhileNothingIsLoaded(void (*call)(void*), void* context);

template <class Function>
Function* FindLoadedFunction(const char* name) {
  return reinterpret_cast<Function*>(FindLoaded(name));
}

}  // namespace spanheap::os
