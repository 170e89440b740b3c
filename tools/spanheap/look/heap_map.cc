// SPDX-License-Identifier: MIT
#include "spanheap/look/heap_map.h"

#include <algorithm>
#include <bit>

#include "spanheap/look/damage.h"

namespace spanheap::look {
namespace {

// Pages that may be claimed twice, or outside of chunks, in a heap that moves while it is read.
constexpr uint64_t kMostStray = 1 << 20;

}  // namespace

HeapMap::HeapMap(const HeapImage& image) : image_(image) {
  cells_.resize(image.chunks.size() * image.chunk_pages);
  claims_left_ = 2 * cells_.size() + kMostStray;
  uses_.resize(image.spans.size());
  cached_bits_.resize(image.bits.size());
  live_runs_.resize(image.classes.size());
  cached_runs_.resize(image.classes.size());
  IndexChunks();
  MarkFree();
  MarkSpans();
  MarkPageCaches();
  MarkCollected();
  MarkRuns();
  MarkKeptRuns();
  MarkCached();
}

void HeapMap::IndexChunks() {
  for (uint32_t i = 0; i < image_.chunks.size(); ++i) {
    const uint32_t number = image_.chunks[i].number;
    if (number >= place_of_chunk_.size()) place_of_chunk_.resize(number + 1);
    place_of_chunk_[number] = i + 1;
  }
}

PageCell* HeapMap::CellOf(uint32_t page) {
  const uint32_t chunk = page / image_.chunk_pages;
  if (chunk >= place_of_chunk_.size() || place_of_chunk_[chunk] == 0) return nullptr;
  return &cells_[(place_of_chunk_[chunk] - 1) * image_.chunk_pages + page % image_.chunk_pages];
}

void HeapMap::Claim(uint32_t first, uint32_t pages, PageCell as) {
  if (pages > claims_left_) throw Damaged("its pages are claimed again and again");
  claims_left_ -= pages;
  for (uint32_t i = 0; i < pages; ++i) {
    PageCell* const cell = CellOf(first + i);
    if (cell != nullptr && cell->state == PageState::kUnknown) {
      *cell = as;
    } else {
      contradictions_ += image_.page_size;
    }
  }
}

void HeapMap::MarkFree() {
  for (size_t i = 0; i < image_.chunks.size(); ++i) {
    const ChunkImage& chunk = image_.chunks[i];
    for (uint32_t page = 0; page < image_.chunk_pages; ++page) {
      if ((chunk.used[page / 64] >> (page % 64) & 1) != 0) continue;
      const bool is_released = (chunk.scavenged[page / 64] >> (page % 64) & 1) != 0;
      cells_[i * image_.chunk_pages + page].state =
          is_released ? PageState::kReleased : PageState::kFree;
    }
  }
}

void HeapMap::MarkSpans() {
  for (uint32_t i = 0; i < image_.spans.size(); ++i) {
    const SpanImage& span = image_.spans[i];
    const PageState state = span.is_solo ? PageState::kSolo : PageState::kSmall;
    Claim(span.first_page, span.pages, {state, span.malloc_class, i});
    if (span.is_solo) continue;
    for (uint32_t word = 0; word < (span.slots + 63) / 64; ++word) {
      uses_[i].used += static_cast<uint32_t>(std::popcount(image_.bits[span.first_word + word]));
    }
  }
}

void HeapMap::MarkPageCaches() {
  for (const ThreadImage& thread : image_.threads) {
    MarkPageCache(thread.page_base, thread.page_free);
  }
  for (const CollectedThreadImage& thread : image_.collected.threads) {
    MarkPageCache(thread.page_base, thread.page_free);
  }
  Claim(image_.ahead.first_page, image_.ahead.pages, {PageState::kPageCache, 0, 0});
}

void HeapMap::MarkPageCache(uint32_t base, uint64_t free) {
  for (uint64_t rest = free; rest != 0; rest &= rest - 1) {
    const auto bit = static_cast<uint32_t>(std::countr_zero(rest));
    Claim(base + bit, 1, {PageState::kPageCache, 0, 0});
  }
}

void HeapMap::MarkCollected() {
  const auto& spans = image_.collected.spans;
  for (uint32_t i = 0; i < spans.size(); ++i) {
    Claim(spans[i].first_page, spans[i].pages, {PageState::kCollected, 0, i});
  }
}

// A run's first page carries its class, the others nothing.
void HeapMap::MarkRuns() {
  for (const ChunkImage& chunk : image_.chunks) {
    for (uint32_t page = 0; page < image_.chunk_pages; ++page) {
      const uint8_t c = chunk.class_of[page];
      if (!image_.IsRunClass(c) || c >= image_.classes.size()) continue;
      const uint32_t first = chunk.number * image_.chunk_pages + page;
      PageCell* const cell = CellOf(first);
      if (cell->state != PageState::kUnknown) {
        contradictions_ += image_.classes[c].block_bytes;
        continue;
      }
      Claim(first, image_.classes[c].span_pages, {PageState::kRun, c, first});
      ++live_runs_[c];
    }
  }
}

void HeapMap::MarkKeptRuns() {
  for (const RunImage& run : image_.kept_runs) {
    Claim(run.first_page, run.pages, {PageState::kRunKept, 0, run.first_page});
  }
}

void HeapMap::MarkCached() {
  for (const ThreadImage& thread : image_.threads) {
    for (unsigned c = 1; c < thread.bins.size(); ++c) {
      for (const uint64_t block : thread.bins[c].blocks) MarkCachedBlock(c, block);
    }
  }
  for (unsigned c = 1; c < image_.shelf.size(); ++c) {
    for (const uint64_t block : image_.shelf[c]) MarkCachedBlock(c, block);
  }
}

void HeapMap::MarkCachedBlock(unsigned c, uint64_t address) {
  const uint32_t page = image_.PageAt(address);
  PageCell* const cell = page != 0 ? CellOf(page) : nullptr;
  if (cell != nullptr && cell->state == PageState::kSmall && cell->malloc_class == c) {
    const SpanImage& span = image_.spans[cell->owner];
    const uint64_t slot = (address - image_.AddressOf(span.first_page)) / span.block_bytes;
    const uint64_t bit = uint64_t{1} << (slot % 64);
    const uint64_t word = span.first_word + slot / 64;
    if (slot < span.slots && (image_.bits[word] & bit) != 0 && (cached_bits_[word] & bit) == 0) {
      cached_bits_[word] |= bit;
      ++uses_[cell->owner].cached;
      return;
    }
  }
  if (cell != nullptr && cell->state == PageState::kRun && cell->malloc_class == c) {
    const uint32_t pages = image_.classes[c].span_pages;
    for (uint32_t i = 0; i < pages; ++i) {
      if (PageCell* each = CellOf(cell->owner + i)) each->state = PageState::kRunCached;
    }
    --live_runs_[c];
    ++cached_runs_[c];
    return;
  }
  contradictions_ += image_.classes[c].block_bytes;
}

}  // namespace spanheap::look
