// SPDX-License-Identifier: MIT
#include "spanheap/page_data.h"

#include <fmt/core.h>
#include <zlib.h>

#include <bit>
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
    head["kinds"] = Json::array();
    for (const look::CollectedKind& kind : image_.collected.kinds) {
      head["kinds"].push_back({kind.block_bytes, 0, kind.slots, kind.has_pointers ? 1 : 0});
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
    Slots slots;
    uint8_t size_class = cell.malloc_class;
    if (cell.state == PageState::kSmall) {
      const look::SpanImage& span = image_.spans[cell.owner];
      slots = {span.slots, &image_.bits[span.first_word],
               &seen_.map->cached_bits()[span.first_word]};
    } else if (cell.state == PageState::kCollected) {
      const look::CollectedSpanImage& span = image_.collected.spans[cell.owner];
      const look::CollectedKind& kind = image_.collected.kinds[span.kind];
      slots = {kind.slots, &image_.collected.live[span.first_word],
               &image_.collected.dead[span.first_word]};
      size_class = span.kind;
    }
    Append(classes_, size_class);
    AddSlots(slots);
  }

  // Two bits per slot: in the program's hands or not, and those that wait: in caches, or to be
  // swept.
  struct Slots {
    uint32_t count = 0;
    const uint64_t* taken = nullptr;
    const uint64_t* waiting = nullptr;
  };

  // How many are live and how many wait; and of spans that are neither empty nor all live the bits.
  void AddSlots(const Slots& slots) {
    uint16_t live = 0;
    uint16_t waiting = 0;
    for (uint32_t first = 0; first < slots.count; first += 64) {
      const uint64_t waits = slots.waiting[first / 64];
      const uint64_t lives = slots.taken[first / 64] & ~waits;
      live = static_cast<uint16_t>(live + std::popcount(lives));
      waiting = static_cast<uint16_t>(waiting + std::popcount(waits));
    }
    Append(live_, live);
    Append(cached_, waiting);
    if (live + waiting == 0 || live == slots.count) return;
    const size_t bytes = (slots.count + 7) / 8;
    const auto* taken = reinterpret_cast<const char*>(slots.taken);
    const auto* waits = reinterpret_cast<const char*>(slots.waiting);
    for (size_t i = 0; i < bytes; ++i) slots_ += static_cast<char>(taken[i] & ~waits[i]);
    slots_.append(waits, bytes);
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
  if (!json.contains("format") || json["format"] != "spanheap-record") {
    throw std::runtime_error("the file is no record of a run");
  }
  if (!json.contains("version") || json["version"] != 1) {
    throw std::runtime_error(
        fmt::format("other version: the record has version {}",
                    json.contains("version") ? json["version"].dump() : "none"));
  }
  return {Escape(Json{{"record", json}}.dump()), ""};
}

}  // namespace spanheap::tools
