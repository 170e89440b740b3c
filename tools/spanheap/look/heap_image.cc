// SPDX-License-Identifier: MIT
#include "spanheap/look/heap_image.h"

#include <algorithm>
#include <bit>

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

bool HeapImage::Holds(uint32_t first_page, uint32_t pages) const {
  const auto holds = [&](const ArenaImage& arena) {
    const uint64_t first = uint64_t{arena.first_chunk} * chunk_pages;
    const uint64_t count = uint64_t{arena.chunks} * chunk_pages;
    return first_page >= first && first_page - first < count &&
           pages <= count - (first_page - first);
  };
  return pages != 0 && std::any_of(arenas.begin(), arenas.end(), holds);
}

// A span has at most 32 units; in longer ones a unit is more than one OS page.
uint64_t HeapImage::HoleBytesOf(const SpanImage& span) const {
  if (span.holes == 0 || os_page == 0) return 0;
  uint64_t unit = os_page;
  while (span.pages * page_size > unit * 32) unit *= 2;
  return static_cast<uint64_t>(std::popcount(span.holes)) * unit;
}

bool HeapImage::IsQuiet() const {
  const auto is_inside = [](const ThreadImage& thread) { return thread.section_depth != 0; };
  return !lock_is_held && !gate_is_closed &&
         std::none_of(threads.begin(), threads.end(), is_inside);
}

}  // namespace spanheap::look
