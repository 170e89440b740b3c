// SPDX-License-Identifier: MIT
#include "spanheap/look/collected_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "spanheap/look/damage.h"

namespace spanheap::look {
namespace {

constexpr uint64_t kMostSpans = uint64_t{1} << 28;
constexpr size_t kMostThreads = 1 << 20;
constexpr uint64_t kMostKinds = 256;
constexpr uint32_t kMostSlots = 1 << 16;
constexpr uint32_t kMostBuckets = 63;      // of times in powers of two
constexpr uint64_t kNever = ~uint64_t{0};  // the library's "no goal"

// Bits of the last word that stand for slots.
uint64_t LastBits(const CollectedKind& kind) {
  return kind.slots % 64 == 0 ? ~uint64_t{0} : (uint64_t{1} << (kind.slots % 64)) - 1;
}

// Kinds without slots are of no span.
bool IsSound(const CollectedKind& kind) {
  return kind.slots < kMostSlots && kind.words == (kind.slots + 63) / 64;
}

}  // namespace

void CollectedReader::Read(HeapImage& image) const {
  if (heap_ == 0 || !root_.Has("gc.records")) return;
  image.collected.is_there = true;
  ReadFigures(image.collected.figures);
  ReadKinds(image.collected);
  ReadThreads(image.collected, image.unreadable);
  ReadSpans(image);
  ReadBits(image.collected, image.unreadable);
  ReadTables(image);
}

uint64_t CollectedReader::Value(const std::string& field) const {
  const RootField where = root_.Field(field);
  return memory_.Number(heap_ + where.offset, where.size);
}

void CollectedReader::ReadFigures(CollectedFigures& figures) const {
  figures.last_scanned_bytes = Value("gc.last_scanned_heap") + Value("gc.last_scanned_roots");
  figures.threads = Value("gc.thread_count");
  const auto read = [&](const char* name, uint64_t& value) {
    const std::string field = std::string("gc.") + name;
    if (root_.Has(field)) value = Value(field);
  };
#define SPANHEAP_READ(name, label) read(#name, figures.name);
  SH_COLLECTED_SIZES(SPANHEAP_READ)
  SH_COLLECTED_COUNTS(SPANHEAP_READ)
  SH_COLLECTED_TIMES(SPANHEAP_READ)
#undef SPANHEAP_READ
  const auto read_counts = [&](const std::string& field, std::vector<uint64_t>& counts) {
    if (!root_.Has(field)) return;
    const RootField where = root_.Field(field);
    if (where.count > kMostBuckets) throw Damaged("times are counted in too many buckets");
    counts = memory_.Array<uint64_t>(heap_ + where.offset, where.count);
  };
#define SPANHEAP_READ(name, label) read_counts("gc." #name, figures.name);
  SH_COLLECTED_HISTOGRAMS(SPANHEAP_READ)
#undef SPANHEAP_READ
  if (figures.goal_bytes == kNever) figures.goal_bytes = 0;
  if (figures.trigger_bytes == kNever) figures.trigger_bytes = 0;
}

void CollectedReader::ReadKinds(CollectedImage& image) const {
  const uint64_t count = root_.NumberWithin("gckind.count", 1, kMostKinds);
  const uint64_t no_pointers = root_.Number("gckind.no_pointers");
  const RecordTable table =
      tables_.Read(root_.Address("gckinds"), root_.RecordSize("gckind.record"), count, "kinds");
  if (!table.is_whole()) throw Damaged("the table of kinds of spans cannot be read");
  const RootField block_bytes = root_.Field("gckind.block_bytes");
  const RootField slots = root_.Field("gckind.slots");
  const RootField words = root_.Field("gckind.words");
  const RootField domain = root_.Field("gckind.domain");
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view at = table[i];
    image.kinds.push_back({static_cast<uint32_t>(block_bytes.In(at)),
                           static_cast<uint32_t>(slots.In(at)), static_cast<uint32_t>(words.In(at)),
                           domain.In(at) != no_pointers});
    if (IsSound(image.kinds.back())) continue;
    throw Damaged(fmt::format("spans of kind {} have {} slots", i, slots.In(at)));
  }
  image.cached.resize(count);
}

void CollectedReader::ReadSpans(HeapImage& image) const {
  CollectedImage& collected = image.collected;
  const uint64_t count = std::min(Value("gc.records_end"), kMostSpans);
  const uint64_t generation = Value("gc.generation");
  const RecordTable table =
      tables_.Read(Value("gc.records"), root_.RecordSize("gcspan.record"), count, "spans");
  const RootField first = root_.Field("gcspan.first");
  const RootField pages = root_.Field("gcspan.pages");
  const RootField swept = root_.Field("gcspan.swept");
  const RootField size = root_.Field("gcspan.bytes");
  const RootField kind = root_.Field("gcspan.kind");
  uint64_t words = 0;
  for (uint64_t i = 1; i < count; ++i) {
    const std::string_view at = table[i];
    CollectedSpanImage span;
    span.kind = static_cast<uint8_t>(kind.In(at));
    if (span.kind == 0) continue;
    span.first_page = static_cast<uint32_t>(first.In(at));
    span.pages = static_cast<uint32_t>(pages.In(at));
    span.bytes = size.In(at);
    span.is_swept = swept.In(at) == generation;
    if (span.kind >= collected.kinds.size() || collected.kinds[span.kind].slots == 0 ||
        !image.Holds(span.first_page, span.pages)) {
      ++image.unreadable;
      continue;
    }
    span.first_word = static_cast<uint32_t>(words);
    words += collected.kinds[span.kind].words;
    collected.spans.push_back(span);
  }
  tables_.Charge(2 * sizeof(uint64_t), words, "slots");
  if (words > UINT32_MAX) throw Damaged("it tells of more slots than there can be");
  collected.live.resize(words);
  collected.dead.resize(words);
}

// `live` is read as what is allocated, `dead` as what is marked, of spans to be swept.
void CollectedReader::ReadBits(CollectedImage& image, size_t& unreadable) const {
  // Few bits lie in the marks' record, from `beside` on and as many as come before; those of the
  // smallest class are more than a record of their own holds: they are in a third table.
  const uint64_t beside = root_.Number("gc.allocated_in_marks");
  const uint64_t allocated_record = root_.Number("gc.allocated_record");
  const uint64_t pointer_record = root_.Number("gc.pointer_record");
  const uint64_t mark_record = root_.Number("gc.mark_record");
  const uint64_t allocated = Value("gc.allocated");
  const uint64_t pointers = Value("gc.pointers");
  const uint64_t marks = Value("gc.marks");
  std::vector<MemoryPiece> pieces;
  for (const CollectedSpanImage& span : image.spans) {
    const uint64_t size = image.kinds[span.kind].words * sizeof(uint64_t);
    const uint64_t page = span.first_page;
    const uint64_t bits = size <= beside             ? marks + page * mark_record + beside
                          : size <= allocated_record ? allocated + page * allocated_record
                                                     : pointers + page * pointer_record;
    pieces.push_back({bits, &image.live[span.first_word], size});
    if (span.is_swept) continue;
    pieces.push_back({marks + page * mark_record, &image.dead[span.first_word], size});
  }
  unreadable += memory_.ReadMany(pieces);
  for (const CollectedSpanImage& span : image.spans) {
    const CollectedKind& kind = image.kinds[span.kind];
    uint64_t* const live = &image.live[span.first_word];
    uint64_t* const dead = &image.dead[span.first_word];
    live[kind.words - 1] &= LastBits(kind);
    for (uint32_t w = 0; w < kind.words && !span.is_swept; ++w) {
      const uint64_t marked = dead[w];
      dead[w] = live[w] & ~marked;
      live[w] &= marked;
    }
  }
}

void CollectedReader::ReadThreads(CollectedImage& image, size_t& unreadable) const {
  const RootField older = root_.Field("gcthread.older");
  const RootField words = root_.Field("gcthread.words");
  const RootField free = root_.Field("claimed.free");
  const RootField page_base = root_.Field("gcthread.page_base");
  const RootField page_free = root_.Field("gcthread.page_free");
  std::string record(std::max({older.end(), page_free.end(), page_base.end(), words.end()}), '\0');
  uint64_t address = Value("gc.thread_records");
  Trail trail;
  for (size_t i = 0; address != 0 && i < kMostThreads; ++i) {
    trail.Step(address, "collected heap's threads");
    tables_.Charge(record.size(), 1, "threads");
    if (!memory_.Read(address, record.data(), record.size())) {
      ++unreadable;
      return;
    }
    for (uint32_t kind = 1; kind < std::min<size_t>(words.count, image.cached.size()); ++kind) {
      const uint64_t claimed = free.In(words.PartOf(record, kind));
      image.cached[kind] += static_cast<uint64_t>(std::popcount(claimed));
    }
    image.threads.push_back({static_cast<uint32_t>(page_base.In(record)), page_free.In(record)});
    address = older.In(record);
  }
}

void CollectedReader::ReadTables(HeapImage& image) const {
  CollectedImage& collected = image.collected;
  const uint64_t record = root_.RecordSize("gcspan.record");
  collected.page_bytes = Value("gc.pages") * image.page_size;
  collected.table_bytes = Value("gc.tables_used") + Value("gc.records_ready") * record;
  image.metadata.push_back({Value("gc.tables"), Value("gc.tables_reserved")});
  image.metadata.push_back({Value("gc.records"), Value("gc.records_capacity") * record});
}

}  // namespace spanheap::look
