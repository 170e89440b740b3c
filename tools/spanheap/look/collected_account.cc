// SPDX-License-Identifier: MIT
#include "spanheap/look/collected_account.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

namespace spanheap::look {
namespace {

uint64_t CountBits(const uint64_t* words, uint32_t count) {
  uint64_t bits = 0;
  for (uint32_t w = 0; w < count; ++w) bits += static_cast<uint64_t>(std::popcount(words[w]));
  return bits;
}

void AddSpan(const HeapImage& image, const CollectedSpanImage& span, const Residency& residency,
             CollectedClassAccount& row) {
  const CollectedKind& kind = image.collected.kinds[span.kind];
  const uint64_t live = CountBits(&image.collected.live[span.first_word], kind.words);
  const uint64_t dead = CountBits(&image.collected.dead[span.first_word], kind.words);
  const uint64_t bytes = span.pages * image.page_size;
  const uint64_t start = image.AddressOf(span.first_page);
  ++row.spans;
  row.span_bytes += bytes;
  row.live_objects += live;
  row.live_bytes += live * (kind.block_bytes == 0 ? span.bytes : kind.block_bytes);
  row.dead_objects += dead;
  row.free_objects += kind.slots - live - dead;
  row.resident += residency.BytesIn(start, start + bytes);
  const uint64_t tenths = live * CollectedClassAccount::kBuckets / kind.slots;
  ++row.spans_by_use[std::min<uint64_t>(tenths, CollectedClassAccount::kBuckets - 1)];
}

}  // namespace

std::vector<CollectedClassAccount> CollectedClassesOf(const HeapImage& image,
                                                      const Residency& residency) {
  std::map<std::pair<uint32_t, bool>, CollectedClassAccount> rows;
  const auto row_of = [&](const CollectedKind& kind) -> CollectedClassAccount& {
    CollectedClassAccount& row = rows[{kind.block_bytes, kind.has_pointers}];
    row.block_bytes = kind.block_bytes;
    row.has_pointers = kind.has_pointers ? 1 : 0;
    return row;
  };
  for (const CollectedSpanImage& span : image.collected.spans) {
    AddSpan(image, span, residency, row_of(image.collected.kinds[span.kind]));
  }
  // What threads have claimed counted as live.
  for (size_t i = 0; i < image.collected.cached.size(); ++i) {
    const uint64_t cached = image.collected.cached[i];
    if (cached == 0) continue;
    CollectedClassAccount& row = row_of(image.collected.kinds[i]);
    row.cached_objects += cached;
    row.live_objects -= std::min(cached, row.live_objects);
    row.live_bytes -= std::min(cached * row.block_bytes, row.live_bytes);
  }
  std::vector<CollectedClassAccount> result;
  for (const auto& [key, row] : rows) result.push_back(row);
  return result;
}

}  // namespace spanheap::look
