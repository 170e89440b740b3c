// SPDX-License-Identifier: MIT
//
// Geometry, counters and pages; spans and threads are read in span_reader.cc and thread_reader.cc.
#include "spanheap/look/heap_reader.h"

#include <algorithm>
#include <bit>

#include "spanheap/look/collected_reader.h"

namespace spanheap::look {
namespace {

// Bounds for lists that are followed while they may change.
constexpr uint32_t kMostChunks = 1 << 22;
constexpr size_t kMostPieces = 1 << 20;
constexpr uint64_t kMostWindows = 1 << 16;
constexpr uint64_t kMostArenas = 1 << 10;

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

}  // namespace

HeapImage HeapReader::Read() const {
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
  CollectedReader(memory_, root_).Read(image);
  ReadCounters(image);
  ReadScavenger(image);
  ReadRequests(image);
  ReadSettings(image);
  image.longest_free_run = LongestRunOfFree(image.chunks, image.chunk_pages);
  return image;
}

bool HeapReader::IsQuiet() const {
  HeapImage image;
  ReadGeometry(image);
  ReadGate(image);
  ReadThreads(image);
  return image.IsQuiet();
}

void HeapReader::ReadGate(HeapImage& image) const {
  image.gate_is_closed = root_.Value("gate.closed") != 0;
  image.lock_is_held = root_.Value("threads.lock") != 0 || root_.Value("start.lock") != 0;
}

void HeapReader::ReadGeometry(HeapImage& image) const {
  image.page_size = root_.Number("page.size");
  image.chunk_pages = static_cast<uint32_t>(root_.Number("chunk.pages"));
  image.first_run_class = static_cast<uint32_t>(root_.Number("class.first_run"));
  const uint64_t record = root_.Number("class.record");
  const uint64_t count = root_.Number("class.count");
  const auto bytes = memory_.Array<char>(root_.Address("classes"), record * count);
  const RootField block_bytes = root_.Field("class.block_bytes");
  const RootField span_pages = root_.Field("class.span_pages");
  const RootField slots = root_.Field("class.slots");
  for (uint64_t c = 0; c < count; ++c) {
    const char* at = bytes.data() + c * record;
    image.classes.push_back({static_cast<uint32_t>(block_bytes.In(at)),
                             static_cast<uint32_t>(span_pages.In(at)),
                             static_cast<uint32_t>(slots.In(at))});
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

void HeapReader::ReadArenas(HeapImage& image) const {
  const uint64_t record = root_.Number("arena.record");
  const uint64_t count = std::min(root_.Value("arenas.count"), kMostArenas);
  const auto bytes = memory_.Array<char>(root_.Value("arenas"), record * count);
  const RootField start = root_.Field("arena.start");
  const RootField first_chunk = root_.Field("arena.first_chunk");
  const RootField chunks = root_.Field("arena.chunks");
  for (uint64_t i = 0; i < count; ++i) {
    const char* at = bytes.data() + i * record;
    image.arenas.push_back({start.In(at), static_cast<uint32_t>(first_chunk.In(at)),
                            static_cast<uint32_t>(chunks.In(at))});
  }
}

void HeapReader::ReadChunks(HeapImage& image) const {
  const uint64_t record = root_.Number("grown.record");
  const uint64_t count = std::min<uint64_t>(root_.Value("grown.count"), kMostChunks);
  const auto ranges = memory_.Array<char>(root_.Value("grown.ranges"), record * count);
  const RootField begin = root_.Field("grown.begin");
  const RootField end = root_.Field("grown.end");
  for (uint64_t i = 0; i < count; ++i) {
    const char* at = ranges.data() + i * record;
    const auto from = static_cast<uint32_t>(begin.In(at));
    const auto to = static_cast<uint32_t>(end.In(at));
    if (from < to && to - from <= kMostChunks) ReadChunkRange(from, to, image);
  }
  image.generation = static_cast<uint32_t>(root_.Value("age.now"));
}

void HeapReader::ReadChunkRange(uint32_t begin, uint32_t end, HeapImage& image) const {
  const uint64_t count = end - begin;
  const uint32_t pages = image.chunk_pages;
  const size_t words = pages / 64;
  const uint64_t record = root_.Number("chunk.record");
  const uint64_t age = root_.Number("age.record");
  const auto chunks =
      memory_.Array<char>(root_.Value("pages.chunks") + begin * record, count * record);
  const auto ages = memory_.Array<char>(root_.Value("age.records") + begin * age, count * age);
  const auto classes = memory_.Array<uint8_t>(
      root_.Value("pages.class_of") + uint64_t{begin} * pages, count * pages);
  const uint64_t used = root_.Field("chunk.used").offset;
  const uint64_t scavenged = root_.Field("chunk.scavenged").offset;
  const RootField generation = root_.Field("age.generation");
  for (uint64_t i = 0; i < count; ++i) {
    ChunkImage chunk;
    chunk.number = begin + static_cast<uint32_t>(i);
    chunk.generation = static_cast<uint32_t>(generation.In(ages.data() + i * age));
    const char* at = chunks.data() + i * record;
    const auto* used_words = reinterpret_cast<const uint64_t*>(at + used);
    const auto* scavenged_words = reinterpret_cast<const uint64_t*>(at + scavenged);
    chunk.used.assign(used_words, used_words + words);
    chunk.scavenged.assign(scavenged_words, scavenged_words + words);
    chunk.class_of.assign(classes.data() + i * pages, classes.data() + (i + 1) * pages);
    image.chunks.push_back(std::move(chunk));
  }
}

void HeapReader::ReadKeptRuns(HeapImage& image) const {
  const uint64_t record = root_.Number("kept.record");
  const RootField count_field = root_.Field("kept.count");
  const RootField runs = root_.Field("kept.runs");
  const auto classes = static_cast<uint32_t>(image.classes.size());
  const uint32_t shelves = classes - image.first_run_class;
  const auto bytes = memory_.Array<char>(root_.Address("kept.shelves"), shelves * record);
  for (uint32_t shelf = 0; shelf < shelves; ++shelf) {
    const char* at = bytes.data() + shelf * record;
    const auto count = std::min(static_cast<uint32_t>(count_field.In(at)), runs.count);
    for (uint32_t i = 0; i < count; ++i) {
      image.kept_runs.push_back({static_cast<uint32_t>(runs.In(at, i)),
                                 image.classes[image.first_run_class + shelf].span_pages});
    }
  }
}

void HeapReader::ReadWindows(HeapImage& image) const {
  const uint64_t record = root_.Number("window.record");
  const uint64_t count = std::min(root_.Value("large.count"), kMostWindows);
  const auto bytes = memory_.Array<char>(root_.Value("large.windows"), record * count);
  const RootField start = root_.Field("window.start");
  const RootField reserved = root_.Field("window.reserved");
  const RootField ready = root_.Field("window.ready");
  for (uint64_t i = 0; i < count; ++i) {
    const char* at = bytes.data() + i * record;
    image.windows.push_back({start.In(at), reserved.In(at), ready.In(at)});
  }
}

void HeapReader::ReadMetadata(HeapImage& image) const {
  const uint64_t tables = root_.Value("pages.tables");
  const uint64_t tables_end =
      root_.Value("pages.last_table") + root_.Value("pages.last_table_size");
  image.metadata.push_back({tables, tables_end - tables});
  image.metadata.push_back({root_.Value("spans"), root_.Value("spans.reserved")});
  image.metadata.push_back({root_.Value("bits"), root_.Value("bits.reserved")});
  const RootField next = root_.Field("piece.next");
  const RootField size = root_.Field("piece.size");
  std::vector<char> piece(std::max(next.offset + next.size, size.offset + size.size));
  uint64_t address = root_.Value("metadata.pieces");
  for (size_t i = 0; address != 0 && i < kMostPieces; ++i) {
    if (!memory_.Read(address, piece.data(), piece.size())) {
      ++image.unreadable;
      return;
    }
    image.metadata.push_back({address, size.In(piece.data())});
    address = next.In(piece.data());
  }
}

}  // namespace spanheap::look
