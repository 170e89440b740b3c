// SPDX-License-Identifier: MIT
//
// Whether this thread is the only one of the process: then what others might see meanwhile needs
// no atomic read-modify-write, which is most of the cost of many short slow paths.
//
// Threads. What libc says of itself (its own malloc and the C++ library's reference counts rely on
//          it): it turns false before a second thread starts, and true only when none is left.
//          Threads made by a raw clone system call are not seen by it.
#pragma once

#include <sys/single_threaded.h>

namespace spanheap::os {

inline bool IsAlone() { return __libc_single_threaded != 0; }

}  // namespace spanheap::os
