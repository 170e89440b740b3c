// SPDX-License-Identifier: MIT
//
// What the compiler puts into the table of an abstract class in place of each missing function.
// The C++ library's copy would tie the core to that library.
#include "base/check.h"

extern "C" [[noreturn]] __attribute__((visibility("hidden"))) void __cxa_pure_virtual() {
  spanheap::FatalInternal("pure virtual call", __FILE_NAME__, __LINE__);
}
