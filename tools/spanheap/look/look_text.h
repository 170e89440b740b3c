// SPDX-License-Identifier: MIT
//
// A Look for people: a table of where the memory is, a bar per category, fragmentation, the size
// classes in use, thread caches.
#pragma once

#include <string>

#include "spanheap/look/target.h"

namespace spanheap::look {

// Several lines, the last one ended. `rows` bounds classes and threads each; 0: all.
std::string RenderLook(const Look& look, size_t rows = 0);

// The spans that are cut into so many bytes, of blocks and of collected objects, emptiest first.
std::string RenderClass(const Look& look, uint64_t block_bytes);

}  // namespace spanheap::look
