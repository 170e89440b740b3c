// SPDX-License-Identifier: MIT
//
// The part of look_text.h that shows the spans of one block size.
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <vector>

#include "spanheap/look/look_text.h"
#include "spanheap/printable.h"
#include "spanheap/text_page.h"

namespace spanheap::look {
namespace {

using tools::Bar;
using tools::FormatBytes;
using tools::Percent;
using tools::TextPage;

// One span: of slots that are in use, wait (in caches, or to be swept), or are free.
struct Row {
  uint32_t first_page = 0;
  uint32_t pages = 0;
  uint64_t slots = 0;
  uint64_t live = 0;
  uint64_t waiting = 0;
  bool has_pointers = false;
};

uint64_t CountBits(const uint64_t* words, uint32_t count) {
  uint64_t bits = 0;
  for (uint32_t w = 0; w < count; ++w) bits += static_cast<uint64_t>(std::popcount(words[w]));
  return bits;
}

std::vector<Row> SpansOfBlocks(const Look& look, uint64_t block_bytes) {
  std::vector<Row> rows;
  for (size_t i = 0; i < look.image.spans.size(); ++i) {
    const SpanImage& span = look.image.spans[i];
    if (span.is_solo || span.block_bytes != block_bytes) continue;
    const SpanUse& use = look.map->uses()[i];
    rows.push_back({span.first_page, span.pages, span.slots, use.used - use.cached, use.cached});
  }
  return rows;
}

std::vector<Row> SpansOfObjects(const Look& look, uint64_t block_bytes) {
  const CollectedImage& heap = look.image.collected;
  std::vector<Row> rows;
  for (const CollectedSpanImage& span : heap.spans) {
    const CollectedKind& kind = heap.kinds[span.kind];
    if (kind.block_bytes != block_bytes) continue;
    rows.push_back({span.first_page, span.pages, kind.slots,
                    CountBits(&heap.live[span.first_word], kind.words),
                    CountBits(&heap.dead[span.first_word], kind.words), kind.has_pointers});
  }
  return rows;
}

void SortByUse(std::vector<Row>& rows) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.live != b.live ? a.live < b.live : a.first_page < b.first_page;
  });
}

void AddRow(TextPage& page, const Look& look, const Row& row, const char* pointers) {
  page.Line("  {:<#18x}{:>10}{}{:>8}{:>8}{:>8}{:>8}{:>7.1f} %  {}",
            look.image.AddressOf(row.first_page), FormatBytes(row.pages * look.image.page_size),
            pointers, row.slots, row.live, row.waiting, row.slots - row.live - row.waiting,
            Percent(row.live, row.slots), Bar(row.live, row.slots, 20));
}

void AddBlocks(TextPage& page, const Look& look, uint64_t block_bytes,
               const std::vector<Row>& rows) {
  page.Line("spanheap: {} spans of {}-byte blocks of {}, emptiest first", rows.size(), block_bytes,
            tools::Printable(look.source));
  page.Line("  {:<18}{:>10}{:>8}{:>8}{:>8}{:>8}{:>9}", "address", "bytes", "slots", "live",
            "cached", "free", "in use");
  for (const Row& row : rows) AddRow(page, look, row, "");
}

// What threads have claimed for their next objects counts as live: which slots, only they know.
void AddObjects(TextPage& page, const Look& look, uint64_t block_bytes,
                const std::vector<Row>& rows) {
  page.Line("spanheap: {} spans of {}-byte collected objects of {}, emptiest first", rows.size(),
            block_bytes, tools::Printable(look.source));
  page.Line("  {:<18}{:>10}{:>9}{:>8}{:>8}{:>8}{:>8}{:>9}", "address", "bytes", "pointers", "slots",
            "live", "dead", "free", "in use");
  for (const Row& row : rows) {
    AddRow(page, look, row, row.has_pointers ? "      yes" : "       no");
  }
}

}  // namespace

std::string RenderClass(const Look& look, uint64_t block_bytes) {
  std::vector<Row> blocks = SpansOfBlocks(look, block_bytes);
  std::vector<Row> objects = SpansOfObjects(look, block_bytes);
  if (blocks.empty() && objects.empty()) {
    throw std::runtime_error(
        fmt::format("{} has no spans of {}-byte blocks", look.source, block_bytes));
  }
  SortByUse(blocks);
  SortByUse(objects);
  TextPage page;
  if (!blocks.empty()) AddBlocks(page, look, block_bytes, blocks);
  if (!blocks.empty() && !objects.empty()) page.Gap();
  if (!objects.empty()) AddObjects(page, look, block_bytes, objects);
  return page.Take();
}

}  // namespace spanheap::look
