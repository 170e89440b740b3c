// SPDX-License-Identifier: MIT
//
// The part of HeapReader that reads span records and their bitmaps.
#include <algorithm>

#include "spanheap/look/damage.h"
#include "spanheap/look/heap_reader.h"

namespace spanheap::look {
namespace {

constexpr uint64_t kMostSpans = uint64_t{1} << 28;
constexpr uint32_t kMostSlots = 1 << 15;

uint32_t WordsOf(const SpanImage& span) { return (span.slots + 63) / 64; }

bool IsSound(const SpanImage& span, const HeapImage& image) {
  if (!image.Holds(span.first_page, span.pages)) return false;
  if (span.malloc_class >= image.classes.size()) return false;
  return span.is_solo || (span.slots != 0 && span.slots <= kMostSlots && span.block_bytes != 0 &&
                          uint64_t{span.slots} * span.block_bytes <= span.pages * image.page_size);
}

}  // namespace

void HeapReader::ReadSpans(HeapImage& image) {
  const uint64_t count = std::min(root_.Value("spans.end"), kMostSpans);
  const RecordTable table =
      tables_.Read(root_.Value("spans"), root_.RecordSize("span.record"), count, "spans");
  const RootField state = root_.Field("span.state");
  const RootField first = root_.Field("span.first");
  const RootField pages = root_.Field("span.pages");
  const RootField block_bytes = root_.Field("span.block_bytes");
  const RootField slots = root_.Field("span.slots");
  const RootField malloc_class = root_.Field("span.class");
  const RootField holes = root_.FieldOrNone("span.holes");
  const RootField bits = root_.Field("span.bits");
  const uint64_t small = root_.Number("span.small");
  const uint64_t solo = root_.Number("span.solo");
  std::vector<uint64_t> outside;  // by span in the image: where its bits are
  for (uint64_t i = 1; i < count; ++i) {
    const std::string_view at = table[i];
    const uint64_t kind = state.In(at);
    if (kind != small && kind != solo) continue;
    SpanImage span;
    span.number = static_cast<uint32_t>(i);
    span.first_page = static_cast<uint32_t>(first.In(at));
    span.pages = static_cast<uint32_t>(pages.In(at));
    span.block_bytes = static_cast<uint32_t>(block_bytes.In(at));
    span.slots = static_cast<uint32_t>(slots.In(at));
    span.malloc_class = static_cast<uint8_t>(malloc_class.In(at));
    span.is_solo = kind == solo;
    span.holes = static_cast<uint32_t>(holes.In(at));
    if (!IsSound(span, image)) {
      ++image.unreadable;
      continue;
    }
    image.spans.push_back(span);
    outside.push_back(bits.In(at));
  }
  ReadOutsideBits(outside, image);
}

// The bits of up to 64 slots lie in the record itself: where, its pointer says, as for all others.
void HeapReader::ReadOutsideBits(const std::vector<uint64_t>& addresses, HeapImage& image) {
  uint64_t words = 0;
  for (SpanImage& span : image.spans) {
    span.first_word = static_cast<uint32_t>(words);
    if (!span.is_solo) words += WordsOf(span);
  }
  tables_.Charge(2 * sizeof(uint64_t), words, "slots");
  if (words > UINT32_MAX) throw Damaged("it tells of more slots than there can be");
  image.bits.resize(words);
  std::vector<MemoryPiece> pieces;
  for (size_t i = 0; i < image.spans.size(); ++i) {
    const SpanImage& span = image.spans[i];
    if (span.is_solo) continue;
    pieces.push_back({addresses[i], &image.bits[span.first_word], WordsOf(span) * 8});
  }
  image.unreadable += memory_.ReadMany(pieces);
  for (const SpanImage& span : image.spans) {
    if (span.is_solo || span.slots % 64 == 0) continue;
    // Bits past the last slot stand for nothing.
    image.bits[span.first_word + WordsOf(span) - 1] &= (uint64_t{1} << (span.slots % 64)) - 1;
  }
}

}  // namespace spanheap::look
