// SPDX-License-Identifier: MIT
#include "spanheap/look/heap_image.h"

#include <algorithm>

namespace spanheap::look {

uint64_t HeapImage::AddressOf(uint32_t page) const {
  const uint32_t chunk = page / chunk_pages;
  for (const ArenaImage& arena : arenas) {
    if (chunk < arena.first_chunk || chunk - arena.first_chunk >= arena.chunks) continue;
    return arena.start + uint64_t{page - arena.first_chunk * chunk_pages} * page_size;
  }
  return 0;
}

uint32_t HeapImage::PageAt(uint64_t address) const {
  for (const ArenaImage& arena : arenas) {
    const uint64_t page = (address - arena.start) / page_size;
    if (address < arena.start || page >= uint64_t{arena.chunks} * chunk_pages) continue;
    return arena.first_chunk * chunk_pages + static_cast<uint32_t>(page);
  }
  return 0;
}

bool HeapImage::IsQuiet() const {
  const auto is_inside = [](const ThreadImage& thread) { return thread.section_depth != 0; };
  return !lock_is_held && !gate_is_closed &&
         std::none_of(threads.begin(), threads.end(), is_inside);
}

}  // namespace spanheap::look
