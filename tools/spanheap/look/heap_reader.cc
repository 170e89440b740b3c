// SPDX-License-Identifier: MIT
//
// Geometry, counters and pages; spans and threads are read in span_reader.cc and thread_reader.cc.
#include "spanheap/look/heap_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "spanheap/look/collected_reader.h"
#include "spanheap/look/damage.h"
#include "spanheap/look/heap_map.h"

namespace spanheap::look {
namespace {

// Bounds for what is followed while it may change.
constexpr size_t kMostPieces = 1 << 20;
constexpr uint64_t kMostWindows = 1 << 16;
constexpr uint64_t kMostArenas = 1 << 10;
// Bounds for what a library of any version may be built with.
constexpr uint64_t kLeastPage = 4096;
constexpr uint64_t kMostPage = 2 << 20;
constexpr uint64_t kMostChunkPages = 1 << 16;
constexpr uint64_t kMostClasses = 256;
constexpr uint32_t kMostSpanPages = 1 << 16;
constexpr uint64_t kPageNumbers = uint64_t{1} << 32;
constexpr uint64_t kAddresses = uint64_t{1} << 57;

// Whether [start, start + size) can be addresses of a program.
bool CanBe(uint64_t start, uint64_t size) {
  return start <= kAddresses && size <= kAddresses - start;
}

// Whether blocks of that class fit their spans.
bool IsSound(const ClassGeometry& c, const HeapImage& image) {
  return c.block_bytes != 0 && c.slots != 0 && c.span_pages != 0 &&
         c.span_pages <= kMostSpanPages &&
         uint64_t{c.slots} * c.block_bytes <= c.span_pages * image.page_size;
}

uint32_t LongestRunOfFree(const std::vector<ChunkImage>& chunks, uint32_t chunk_pages) {
  uint32_t longest = 0;
  uint32_t run = 0;
  uint32_t expected = 0;
  for (const ChunkImage& chunk : chunks) {
    if (chunk.number != expected) run = 0;
    expected = chunk.number + 1;
    for (uint32_t page = 0; page < chunk_pages; ++page) {
      run = (chunk.used[page / 64] >> (page % 64) & 1) != 0 ? 0 : run + 1;
      longest = std::max(longest, run);
    }
  }
  return longest;
}

// As many bits as a chunk has pages.
std::vector<uint64_t> BitsOf(std::string_view bytes, uint32_t pages) {
  if (bytes.size() < pages / 8) throw Damaged("the bits of a chunk lie outside of its record");
  std::vector<uint64_t> words(pages / 64);
  std::memcpy(words.data(), bytes.data(), pages / 8);
  return words;
}

}  // namespace

HeapImage HeapReader::Read() {
  HeapImage image;
  ReadGeometry(image);
  ReadGate(image);
  ReadThreads(image);
  ReadShelf(image);
  ReadArenas(image);
  ReadChunks(image);
  ReadSpans(image);
  ReadKeptRuns(image);
  ReadWindows(image);
  ReadMetadata(image);
  CollectedReader(memory_, root_, tables_).Read(image);
  ReadCounters(image);
  ReadScavenger(image);
  ReadRequests(image);
  ReadSettings(image);
  image.longest_free_run = LongestRunOfFree(image.chunks, image.chunk_pages);
  return image;
}

bool HeapReader::IsQuiet() {
  HeapImage image;
  ReadGeometry(image);
  ReadGate(image);
  try {
    ReadThreads(image);
  } catch (const Damaged&) {
    return false;  // somebody is at it
  }
  return image.IsQuiet();
}

void HeapReader::ReadGate(HeapImage& image) const {
  image.gate_is_closed = root_.Value("gate.closed") != 0;
  image.lock_is_held = root_.Value("threads.lock") != 0 || root_.Value("start.lock") != 0;
}

void HeapReader::ReadGeometry(HeapImage& image) {
  image.page_size = root_.NumberWithin("page.size", kLeastPage, kMostPage);
  image.chunk_pages = static_cast<uint32_t>(root_.NumberWithin("chunk.pages", 64, kMostChunkPages));
  if (!std::has_single_bit(image.page_size) || image.chunk_pages % 64 != 0) {
    throw Damaged(fmt::format("its pages are of {} bytes, {} in a chunk", image.page_size,
                              image.chunk_pages));
  }
  const uint64_t count = root_.NumberWithin("class.count", 1, kMostClasses);
  image.first_run_class = static_cast<uint32_t>(root_.NumberWithin("class.first_run", 1, count));
  const uint64_t address = root_.Address("classes");
  const RecordTable table =
      tables_.Read(address, root_.RecordSize("class.record"), count, "size classes");
  if (!table.is_whole()) {
    const std::string why = memory_.WhyNot(address);
    if (!why.empty()) throw std::runtime_error(why);
    throw Damaged("the table of size classes cannot be read");
  }
  const RootField block_bytes = root_.Field("class.block_bytes");
  const RootField span_pages = root_.Field("class.span_pages");
  const RootField slots = root_.Field("class.slots");
  for (uint64_t c = 0; c < count; ++c) {
    const std::string_view at = table[c];
    image.classes.push_back({static_cast<uint32_t>(block_bytes.In(at)),
                             static_cast<uint32_t>(span_pages.In(at)),
                             static_cast<uint32_t>(slots.In(at))});
    if (c == 0 || IsSound(image.classes.back(), image)) continue;
    throw Damaged(fmt::format("size class {} has blocks that do not fit its spans", c));
  }
}

void HeapReader::ReadCounters(HeapImage& image) const {
  CounterImage& counters = image.counters;
  counters.grown = root_.Value("pages.grown") * image.page_size;
  counters.claimed = root_.Value("pages.claimed") * image.page_size;
  counters.table_bytes = root_.Value("pages.table_bytes");
  counters.record_bytes = root_.Value("spans.mapped") + root_.Value("bits.mapped");
  counters.piece_bytes = root_.Value("metadata.bytes");
  counters.large_bytes = root_.Value("large.bytes");
  counters.small_bytes = root_.Value("spans.small_bytes");
  counters.solo_bytes = root_.Value("spans.solo_bytes");
  counters.hole_bytes = root_.ValueOr("spans.hole_bytes", 0);
  image.os_page = root_.ValueOr("spans.os_page", 0);
  if (image.os_page != 0 && (!std::has_single_bit(image.os_page) || image.os_page > kMostPage)) {
    throw Damaged(fmt::format("the system's pages are of {} bytes", image.os_page));
  }
  image.ahead = {static_cast<uint32_t>(root_.ValueOr("ahead.first", 0)),
                 static_cast<uint32_t>(root_.ValueOr("ahead.pages", 0))};
  counters.kept_bytes = root_.Value("kept.bytes");
  counters.reserved = root_.Value("pages.reserved") + root_.Value("large.reserved");
  counters.peak = root_.Value("pages.peak");
  counters.allocations = root_.Value("pages.allocations");
  counters.os_releases = root_.Value("pages.os_releases");
  counters.refills_of_ended = root_.Value("ended.refills");
  counters.flushes_of_ended = root_.Value("ended.flushes");
}

void HeapReader::ReadScavenger(HeapImage& image) const {
  if (!root_.Has("scavenge.in_use")) return;
  image.scavenger = {true,
                     root_.Value("scavenge.in_use"),
                     root_.Value("scavenge.peak"),
                     root_.Value("scavenge.floor"),
                     root_.Value("scavenge.spent_ns"),
                     root_.Value("scavenge.mib_ns")};
  if (!root_.Has("scavenge.credit_ns")) return;
  ScavengerImage& scavenger = image.scavenger;
  scavenger.knows_more = true;
  scavenger.swing = root_.Value("scavenge.swing");
  scavenger.credit_ns = static_cast<int64_t>(root_.Value("scavenge.credit_ns"));
  scavenger.generation = root_.Value("age.now");
  scavenger.thread = root_.Value("background.state");
  for (uint32_t i = 0; i < 4; ++i) scavenger.released[i] = root_.Value("scavenge.released", i);
}

void HeapReader::ReadRequests(HeapImage& image) const {
  image.counters.large_waste = root_.ValueOr("large.waste", 0);
  image.requests_of_ended.resize(image.classes.size());
  if (!root_.Has("ended.requests")) return;
  for (uint32_t c = 1; c < image.classes.size(); ++c) {
    image.requests_of_ended[c] = {root_.Value("ended.requests", c),
                                  root_.Value("ended.requested_bytes", c)};
  }
}

void HeapReader::ReadSettings(HeapImage& image) const {
  if (root_.Has("gauge.counted")) {
    const uint64_t target = root_.Value("gauge.target");
    image.limits = {true, root_.Value("gauge.counted"), root_.ValueOr("gauge.limit", target),
                    target, root_.Value("gauge.ceiling")};
  }
  for (const char* name : {"verify", "sample", "reserve"}) {
    image.settings.push_back({name, root_.Value(std::string("option.") + name)});
  }
}

void HeapReader::ReadArenas(HeapImage& image) {
  const uint64_t count = std::min(root_.Value("arenas.count"), kMostArenas);
  const RecordTable table =
      tables_.Read(root_.Value("arenas"), root_.RecordSize("arena.record"), count, "arenas");
  const RootField start = root_.Field("arena.start");
  const RootField first_chunk = root_.Field("arena.first_chunk");
  const RootField chunks = root_.Field("arena.chunks");
  for (uint64_t i = 0; i < count; ++i) {
    const ArenaImage arena = {start.In(table[i]), static_cast<uint32_t>(first_chunk.In(table[i])),
                              static_cast<uint32_t>(chunks.In(table[i]))};
    const uint64_t pages = uint64_t{arena.chunks} * image.chunk_pages;
    if ((uint64_t{arena.first_chunk} + arena.chunks) * image.chunk_pages > kPageNumbers ||
        !CanBe(arena.start, pages * image.page_size)) {
      throw Damaged(fmt::format("an arena of {} chunks at {:#x}", arena.chunks, arena.start));
    }
    image.arenas.push_back(arena);
  }
}

void HeapReader::ReadChunks(HeapImage& image) {
  const uint64_t most_chunks = kPageNumbers / image.chunk_pages;
  const uint64_t count = std::min(root_.Value("grown.count"), most_chunks);
  const RecordTable ranges =
      tables_.Read(root_.Value("grown.ranges"), root_.RecordSize("grown.record"), count, "chunks");
  const RootField begin = root_.Field("grown.begin");
  const RootField end = root_.Field("grown.end");
  uint32_t next = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const auto from = static_cast<uint32_t>(begin.In(ranges[i]));
    const auto to = static_cast<uint32_t>(end.In(ranges[i]));
    if (from < next || from >= to || to > most_chunks) {
      ++image.unreadable;
      continue;
    }
    ReadChunkRange(from, to, image);
    next = to;
  }
  image.generation = static_cast<uint32_t>(root_.Value("age.now"));
}

void HeapReader::ReadChunkRange(uint32_t begin, uint32_t end, HeapImage& image) {
  const uint64_t count = end - begin;
  const uint32_t pages = image.chunk_pages;
  const uint64_t record = root_.RecordSize("chunk.record");
  const uint64_t age = root_.RecordSize("age.record");
  tables_.Charge(uint64_t{pages} * sizeof(PageCell), count, "chunks");
  const RecordTable chunks =
      tables_.Read(root_.Value("pages.chunks") + begin * record, record, count, "chunks");
  const RecordTable ages =
      tables_.Read(root_.Value("age.records") + begin * age, age, count, "chunks");
  const RecordTable classes =
      tables_.Read(root_.Value("pages.class_of") + uint64_t{begin} * pages, pages, count, "chunks");
  const RootField used = root_.Field("chunk.used");
  const RootField scavenged = root_.Field("chunk.scavenged");
  const RootField generation = root_.Field("age.generation");
  for (uint64_t i = 0; i < count; ++i) {
    ChunkImage chunk;
    chunk.number = begin + static_cast<uint32_t>(i);
    chunk.generation = static_cast<uint32_t>(generation.In(ages[i]));
    chunk.used = BitsOf(used.PartOf(chunks[i], 0), pages);
    chunk.scavenged = BitsOf(scavenged.PartOf(chunks[i], 0), pages);
    chunk.class_of.assign(classes[i].begin(), classes[i].end());
    image.chunks.push_back(std::move(chunk));
  }
}

void HeapReader::ReadKeptRuns(HeapImage& image) {
  const RootField count_field = root_.Field("kept.count");
  const RootField runs = root_.Field("kept.runs");
  const auto classes = static_cast<uint32_t>(image.classes.size());
  const uint32_t shelves = classes - image.first_run_class;
  const RecordTable table = tables_.Read(root_.Address("kept.shelves"),
                                         root_.RecordSize("kept.record"), shelves, "shelves");
  for (uint32_t shelf = 0; shelf < shelves; ++shelf) {
    const std::string_view at = table[shelf];
    const auto count = std::min(static_cast<uint32_t>(count_field.In(at)), runs.count);
    for (uint32_t i = 0; i < count; ++i) {
      image.kept_runs.push_back({static_cast<uint32_t>(runs.In(at, i)),
                                 image.classes[image.first_run_class + shelf].span_pages});
    }
  }
}

void HeapReader::ReadWindows(HeapImage& image) {
  const uint64_t count = std::min(root_.Value("large.count"), kMostWindows);
  const RecordTable table = tables_.Read(root_.Value("large.windows"),
                                         root_.RecordSize("window.record"), count, "blocks");
  const RootField start = root_.Field("window.start");
  const RootField reserved = root_.Field("window.reserved");
  const RootField ready = root_.Field("window.ready");
  uint64_t next = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const WindowImage window = {start.In(table[i]), reserved.In(table[i]), ready.In(table[i])};
    if (window.start < next || !CanBe(window.start, window.reserved) ||
        window.ready > window.reserved) {
      ++image.unreadable;  // they are sorted and apart
      continue;
    }
    image.windows.push_back(window);
    next = window.start + window.reserved;
  }
}

void HeapReader::ReadMetadata(HeapImage& image) {
  const uint64_t tables = root_.Value("pages.tables");
  const uint64_t tables_end =
      root_.Value("pages.last_table") + root_.Value("pages.last_table_size");
  const auto add = [&](uint64_t start, uint64_t bytes) {
    if (CanBe(start, bytes)) {
      image.metadata.push_back({start, bytes});
    } else {
      ++image.unreadable;
    }
  };
  add(tables, tables_end - tables);
  add(root_.Value("spans"), root_.Value("spans.reserved"));
  add(root_.Value("bits"), root_.Value("bits.reserved"));
  const RootField next = root_.Field("piece.next");
  const RootField size = root_.Field("piece.size");
  std::string piece(std::max(next.end(), size.end()), '\0');
  Trail trail;
  uint64_t address = root_.Value("metadata.pieces");
  for (size_t i = 0; address != 0 && i < kMostPieces; ++i) {
    trail.Step(address, "pieces of metadata");
    if (!memory_.Read(address, piece.data(), piece.size())) {
      ++image.unreadable;
      return;
    }
    add(address, size.In(piece));
    address = next.In(piece);
  }
}

}  // namespace spanheap::look
