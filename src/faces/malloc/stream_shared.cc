// SPDX-License-Identifier: MIT
#include "faces/malloc/loaded_symbols.h"
#include "faces/malloc/stream.h"

namespace spanheap::face {

bool WriteToStream(void* stream, const char* data, size_t size) {
  auto* write = FindLoadedFunction<size_t(const void*, size_t, size_t, void*)>("fwrite");
  return write != nullptr && write(data, 1, size, stream) == size;
}

}  // namespace spanheap::face
