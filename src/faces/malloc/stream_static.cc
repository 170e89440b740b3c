// SPDX-License-Identifier: MIT
#include <cstdio>

#include "faces/malloc/stream.h"

namespace spanheap::face {

bool WriteToStream(void* stream, const char* data, size_t size) {
  return fwrite(data, 1, size, static_cast<FILE*>(stream)) == size;
}

}  // namespace spanheap::face
