// SPDX-License-Identifier: MIT
#include "spanheap/page_data.h"

#include <fmt/core.h>
#include <zlib.h>

#include <stdexcept>

#include "spanheap/look/look_json.h"

namespace spanheap::tools {
namespace {

using look::Json;
using look::Look;
using look::PageCell;
using look::PageState;

// Slots are left out where they would make the page too large.
constexpr size_t kMostSlotBytes = 12 << 20;
constexpr uint64_t kOsPage = 4096;

// Within <script> nothing may look like its end.
std::string Escape(const std::string& json) {
  std::string safe;
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string Base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve(bytes.size() * 4 / 3 + 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::string Compress(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string packed(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 9) != Z_OK) {
    throw std::runtime_error("the heap map cannot be compressed");
  }
  packed.resize(size);
  return packed;
}

template <class T>
void Append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The arrays of the map, item by item.
class MapWriter {
 public:
  explicit MapWriter(const Look& seen) : seen_(seen), image_(seen.image) {
    const auto& cells = seen.map->cells();
    for (size_t i = 0; i < cells.size();) {
      size_t next = i + 1;
      while (next < cells.size() && IsSameItem(cells[i], cells[next]) && !IsGap(next)) ++next;
      AddItem(cells[i], next - i);
      i = next;
    }
    for (const look::ChunkImage& chunk : image_.chunks) AddResidency(chunk);
  }

  Json Head() const {
    Json head = {{"page_size", image_.page_size}, {"chunk_pages", image_.chunk_pages}};
    head["items"] = pages_.size() / sizeof(uint32_t);
    head["has_slots"] = HasSlots();
    head["slot_bytes"] = HasSlots() ? slots_.size() : 0;
    head["knows_resident"] = seen_.account.knows_resident;
    head["first_run_class"] = image_.first_run_class;
    head["classes"] = Json::array();
    for (const look::ClassGeometry& c : image_.classes) {
      head["classes"].push_back({c.block_bytes, c.span_pages, c.slots});
    }
    head["chunks"] = Json::array();
    for (const look::ChunkImage& chunk : image_.chunks) {
      head["chunks"].push_back(
          {fmt::format("{:x}", AddressOf(chunk)), image_.generation - chunk.generation});
    }
    head["windows"] = Json::array();
    for (const look::WindowImage& window : image_.windows) {
      head["windows"].push_back(
          {fmt::format("{:x}", window.start), window.ready,
           seen_.residency.BytesIn(window.start, window.start + window.ready)});
    }
    return head;
  }

  std::string Packed() const {
    return Base64(Compress(pages_ + live_ + cached_ + states_ + classes_ + resident_ +
                           (HasSlots() ? slots_ : "")));
  }

 private:
  bool HasSlots() const { return slots_.size() <= kMostSlotBytes; }
  uint64_t AddressOf(const look::ChunkImage& chunk) const {
    return image_.AddressOf(chunk.number * image_.chunk_pages);
  }
  static bool IsSameItem(const PageCell& a, const PageCell& b) {
    return a.state == b.state && a.malloc_class == b.malloc_class && a.owner == b.owner;
  }
  // Between this cell and the one before lie pages that the heap has not grown.
  bool IsGap(size_t cell) const {
    const size_t chunk = cell / image_.chunk_pages;
    return cell % image_.chunk_pages == 0 &&
           image_.chunks[chunk].number != image_.chunks[chunk - 1].number + 1;
  }

  void AddItem(const PageCell& cell, size_t pages) {
    Append(pages_, static_cast<uint32_t>(pages));
    Append(states_, static_cast<uint8_t>(cell.state));
    Append(classes_, cell.malloc_class);
    uint16_t live = 0;
    uint16_t cached = 0;
    if (cell.state == PageState::kSmall) {
      const look::SpanUse& use = seen_.map->uses()[cell.owner];
      live = static_cast<uint16_t>(use.used - use.cached);
      cached = static_cast<uint16_t>(use.cached);
      AddSlots(image_.spans[cell.owner], use);
    }
    Append(live_, live);
    Append(cached_, cached);
  }

  // Of spans that are neither empty nor all live: a bit per slot, live ones, then cached ones.
  void AddSlots(const look::SpanImage& span, const look::SpanUse& use) {
    if (use.used == 0 || (use.used == span.slots && use.cached == 0)) return;
    const size_t bytes = (span.slots + 7) / 8;
    const auto* used = reinterpret_cast<const char*>(&image_.bits[span.first_word]);
    const auto* cached = reinterpret_cast<const char*>(&seen_.map->cached_bits()[span.first_word]);
    for (size_t i = 0; i < bytes; ++i) slots_ += static_cast<char>(used[i] & ~cached[i]);
    slots_.append(cached, bytes);
  }

  // A byte per page: resident OS pages of it in the low four bits, 16 if on a huge page.
  void AddResidency(const look::ChunkImage& chunk) {
    const uint64_t start = AddressOf(chunk);
    for (uint64_t page = 0; page < image_.chunk_pages; ++page) {
      const uint64_t from = start + page * image_.page_size;
      const uint64_t bytes = seen_.residency.BytesIn(from, from + image_.page_size);
      const bool is_huge = seen_.residency.HugeBytesIn(from, from + image_.page_size) != 0;
      resident_ += static_cast<char>(bytes / kOsPage | (is_huge ? 16U : 0U));
    }
  }

  const Look& seen_;
  const look::HeapImage& image_;
  std::string pages_, states_, classes_, live_, cached_, resident_, slots_;
};

}  // namespace

PageData DataOfLook(const Look& seen) {
  const MapWriter map(seen);
  const Json json = {{"look", look::LookToJson(seen)}, {"map", map.Head()}};
  return {Escape(json.dump(-1, ' ', false, Json::error_handler_t::replace)), map.Packed()};
}

PageData DataOfRecord(const std::string& record) {
  Json json;
  try {
    json = Json::parse(record);
  } catch (const Json::exception&) {
    throw std::runtime_error("the record is not whole");
  }
  if (json.value("format", "") != "spanheap-record") {
    throw std::runtime_error("the file is no record of a run");
  }
  if (json.value("version", 0) != 1) {
    throw std::runtime_error(
        fmt::format("other version: the record has version {}", json.value("version", 0)));
  }
  return {Escape(Json{{"record", json}}.dump()), ""};
}

}  // namespace spanheap::tools
