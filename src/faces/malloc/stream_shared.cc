// SPDX-License-Identifier: MIT
#include "faces/malloc/stream.h"
#include "os/loaded_symbols.h"

namespace spanheap::face {

bool WriteToStream(void* stream, const char* data, size_t size) {
  auto* write = os::FindLoadedFunction<size_t(const void*, size_t, size_t, void*)>("fwrite");
  return write != nullptr && write(data, 1, size, stream) == size;
}

}  // namespace spanheap::face
