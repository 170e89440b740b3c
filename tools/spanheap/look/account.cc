// SPDX-License-Identifier: MIT
#include "spanheap/look/account.h"

#include <algorithm>
#include <iterator>

#include "spanheap/detail/report_names.h"

namespace spanheap::look {
namespace {

constexpr uint64_t kOsPage = 4096;

struct CategoryName {
  const char* key;
  const char* label;
};
#define SPANHEAP_CATEGORY_NAME(name, label) {#name, label},
constexpr CategoryName kNames[kCategories] = {SH_HEAP_CATEGORIES(SPANHEAP_CATEGORY_NAME)};

uint64_t Distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

Category CategoryOf(PageState state) {
  switch (state) {
    case PageState::kReleased:
      return Category::kReleased;
    case PageState::kPageCache:
      return Category::kPageCache;
    case PageState::kRunCached:
      return Category::kThreadCache;
    case PageState::kRun:
    case PageState::kSolo:
      return Category::kLive;
    case PageState::kSmall:
      return Category::kFreeInSpans;  // counted by slots instead
    case PageState::kRunKept:
      return Category::kCentralCache;
    case PageState::kCollected:
      return Category::kCollected;
    case PageState::kFree:
    case PageState::kUnknown:
      return Category::kFreePages;
  }
  return Category::kFreePages;
}

// Fills an account from an image and its map.
class Bookkeeper {
 public:
  Bookkeeper(const HeapImage& image, const HeapMap& map, const Residency& residency)
      : image_(image), map_(map), residency_(residency) {}

  Account Make() {
    account_.knows_resident = residency_.is_known();
    account_.classes.resize(image_.classes.size());
    for (size_t c = 0; c < image_.classes.size(); ++c) {
      account_.classes[c].block_bytes = image_.classes[c].block_bytes;
    }
    AddPages();
    for (size_t i = 0; i < image_.spans.size(); ++i) {
      if (!image_.spans[i].is_solo) AddSpan(i);
    }
    AddRuns();
    AddLarge();
    AddMetadata();
    AddThreads();
    AddWaste();
    AddShelf();
    account_.collected = CollectedClassesOf(image_, residency_);
    Reconcile();
    return account_;
  }

 private:
  Part& Of(Category category) { return account_.categories[static_cast<size_t>(category)]; }

  void AddPages() {
    const uint32_t chunk_pages = image_.chunk_pages;
    for (size_t i = 0; i < image_.chunks.size(); ++i) {
      const uint32_t first = image_.chunks[i].number * chunk_pages;
      const uint64_t start = image_.AddressOf(first);
      AddChunk(i * chunk_pages, start);
      account_.huge += residency_.HugeBytesIn(start, start + chunk_pages * image_.page_size);
    }
  }

  // Neighbours of one state are one question to the residency.
  void AddChunk(size_t first_cell, uint64_t start) {
    const auto& cells = map_.cells();
    const size_t end = first_cell + image_.chunk_pages;
    for (size_t i = first_cell; i < end;) {
      size_t next = i + 1;
      while (next < end && cells[next].state == cells[i].state &&
             cells[next].malloc_class == cells[i].malloc_class) {
        ++next;
      }
      if (cells[i].state != PageState::kSmall) {
        const uint64_t from = start + (i - first_cell) * image_.page_size;
        const uint64_t to = start + (next - first_cell) * image_.page_size;
        const uint64_t resident = residency_.BytesIn(from, to);
        Part& part = Of(CategoryOf(cells[i].state));
        part.mapped += to - from;
        part.resident += resident;
        if (cells[i].malloc_class != 0)
          account_.classes[cells[i].malloc_class].resident += resident;
        if (cells[i].state == PageState::kUnknown) {
          unknown_ += to - from;
        }
      }
      i = next;
    }
  }

  void AddSpan(size_t index) {
    const SpanImage& span = image_.spans[index];
    const SpanUse& use = map_.uses()[index];
    const uint64_t bytes = span.pages * image_.page_size;
    const uint64_t live = use.used - use.cached;
    ClassAccount& row = account_.classes[span.malloc_class];
    ++row.spans;
    row.live_blocks += live;
    row.cached_blocks += use.cached;
    row.free_blocks += span.slots - use.used;
    row.tail_bytes += bytes - uint64_t{span.slots} * span.block_bytes;
    const uint64_t tenths = live * ClassAccount::kBuckets / span.slots;
    ++row.spans_by_use[std::min<uint64_t>(tenths, ClassAccount::kBuckets - 1)];
    if (live != 0 && tenths == 0) {
      account_.pinned_bytes += bytes;
      ++account_.pinned_spans;
    }
    account_.live_blocks += live;
    const uint64_t live_bytes = live * span.block_bytes;
    const uint64_t cached_bytes = uint64_t{use.cached} * span.block_bytes;
    Of(Category::kLive).mapped += live_bytes;
    Of(Category::kThreadCache).mapped += cached_bytes;
    const uint64_t holes = image_.HoleBytesOf(span);
    Of(Category::kReleased).mapped += holes;
    account_.hole_bytes += holes;
    Of(Category::kFreeInSpans).mapped += bytes - live_bytes - cached_bytes - holes;
    const uint64_t start = image_.AddressOf(span.first_page);
    const uint64_t resident = residency_.BytesIn(start, start + bytes);
    row.resident += resident;
    if (resident == bytes) {
      Of(Category::kLive).resident += live_bytes;
      Of(Category::kThreadCache).resident += cached_bytes;
      Of(Category::kFreeInSpans).resident += bytes - live_bytes - cached_bytes;
    } else if (resident != 0) {
      SplitResident(span, start, bytes);
    }
  }

  // Some OS pages of the span are resident: each is shared out by the slots that lie in it.
  void SplitResident(const SpanImage& span, uint64_t start, uint64_t bytes) {
    for (uint64_t page = 0; page < bytes; page += kOsPage) {
      if (residency_.BytesIn(start + page, start + page + kOsPage) == 0) continue;
      uint64_t taken = 0;
      for (uint64_t slot = page / span.block_bytes;
           slot < span.slots && slot * span.block_bytes < page + kOsPage; ++slot) {
        const uint64_t word = span.first_word + slot / 64;
        if ((image_.bits[word] >> (slot % 64) & 1) == 0) continue;
        const uint64_t from = std::max(page, slot * span.block_bytes);
        const uint64_t to = std::min(page + kOsPage, (slot + 1) * span.block_bytes);
        const bool is_cached = (map_.cached_bits()[word] >> (slot % 64) & 1) != 0;
        Of(is_cached ? Category::kThreadCache : Category::kLive).resident += to - from;
        taken += to - from;
      }
      Of(Category::kFreeInSpans).resident += kOsPage - taken;
    }
  }

  void AddRuns() {
    for (size_t c = image_.first_run_class; c < image_.classes.size(); ++c) {
      ClassAccount& row = account_.classes[c];
      row.live_blocks = map_.live_runs()[c];
      row.cached_blocks = map_.cached_runs()[c];
      row.spans = row.live_blocks + row.cached_blocks;
      row.spans_by_use.front() = row.cached_blocks;
      row.spans_by_use.back() = row.live_blocks;
      account_.live_blocks += row.live_blocks;
    }
    for (const SpanImage& span : image_.spans) account_.live_blocks += span.is_solo ? 1 : 0;
  }

  void AddLarge() {
    for (const WindowImage& window : image_.windows) {
      Of(Category::kLive).mapped += window.ready;
      Of(Category::kLive).resident +=
          residency_.BytesIn(window.start, window.start + window.reserved);
      account_.huge += residency_.HugeBytesIn(window.start, window.start + window.reserved);
      account_.large_bytes += window.ready;
    }
    account_.large_blocks = image_.windows.size();
    account_.live_blocks += image_.windows.size();
  }

  void AddMetadata() {
    const CounterImage& counters = image_.counters;
    Of(Category::kMetadata).mapped = counters.table_bytes + counters.record_bytes +
                                     counters.piece_bytes + image_.collected.table_bytes;
    for (const StretchImage& stretch : image_.metadata) {
      Of(Category::kMetadata).resident +=
          residency_.BytesIn(stretch.start, stretch.start + stretch.size);
    }
  }

  void AddThreads() {
    for (const ThreadImage& thread : image_.threads) {
      ThreadAccount row;
      row.address = thread.address;
      row.id = thread.id;
      row.is_shared = thread.is_shared;
      row.is_orphaned = thread.is_orphaned;
      row.refills = thread.refills;
      row.flushes = thread.flushes;
      row.page_cache_bytes =
          static_cast<uint64_t>(__builtin_popcountll(thread.page_free)) * image_.page_size;
      for (size_t c = 1; c < thread.bins.size(); ++c) {
        row.cached_blocks += thread.bins[c].blocks.size();
        row.cached_bytes += thread.bins[c].blocks.size() * image_.classes[c].block_bytes;
      }
      account_.threads.push_back(row);
    }
  }

  // As the library estimates it: from the requests that reached a slow path.
  void AddWaste() {
    account_.rounding_waste = image_.counters.large_waste;
    for (size_t c = 1; c < account_.classes.size(); ++c) {
      RequestsImage all = image_.requests_of_ended[c];
      for (const ThreadImage& thread : image_.threads) {
        all.count += thread.bins[c].requests;
        all.bytes += thread.bins[c].requested_bytes;
      }
      ClassAccount& row = account_.classes[c];
      const uint64_t mean = all.count == 0 ? row.block_bytes : all.bytes / all.count;
      if (mean < row.block_bytes) row.rounding_waste = row.live_blocks * (row.block_bytes - mean);
      account_.rounding_waste += row.rounding_waste;
    }
  }

  // The shelf's blocks were counted with those of the threads.
  void AddShelf() {
    for (size_t c = 1; c < image_.shelf.size(); ++c) {
      account_.shelf_blocks += image_.shelf[c].size();
      account_.shelf_bytes += image_.shelf[c].size() * image_.classes[c].block_bytes;
    }
    Part& threads = Of(Category::kThreadCache);
    const uint64_t mapped = std::min(account_.shelf_bytes, threads.mapped);
    const uint64_t resident = std::min(mapped, threads.resident);
    Of(Category::kCentralCache).mapped += mapped;
    Of(Category::kCentralCache).resident += resident;
    threads.mapped -= mapped;
    threads.resident -= resident;
  }

  void Reconcile() {
    const CounterImage& counters = image_.counters;
    account_.mapped = counters.grown + counters.table_bytes + counters.record_bytes +
                      counters.piece_bytes + counters.large_bytes + image_.collected.table_bytes;
    const uint64_t sum = account_.MappedSum();
    const uint64_t holes = account_.hole_bytes;
    account_.unreconciled = map_.contradictions() + Distance(holes, counters.hole_bytes) +
                            Distance(sum, account_.mapped);
    // Pages that are nobody's are those on their way back to the OS, or they are a contradiction.
    account_.unreconciled += Distance(unknown_, counters.claimed);
    account_.unreconciled += Distance(Of(Category::kCollected).mapped, image_.collected.page_bytes);
  }

  const HeapImage& image_;
  const HeapMap& map_;
  const Residency& residency_;
  Account account_;
  uint64_t unknown_ = 0;
};

// Bytes of [start, end) that lie in one of the stretches, which are sorted and apart.
uint64_t Overlap(const std::vector<AddressSpan>& stretches, uint64_t start, uint64_t end,
                 const Residency* residency) {
  uint64_t sum = 0;
  auto stretch = std::upper_bound(stretches.begin(), stretches.end(), start,
                                  [](uint64_t a, const AddressSpan& s) { return a < s.end; });
  for (; stretch != stretches.end() && stretch->start < end; ++stretch) {
    const uint64_t from = std::max(stretch->start, start);
    const uint64_t to = std::min(stretch->end, end);
    if (from < to) sum += residency != nullptr ? residency->BytesIn(from, to) : to - from;
  }
  return sum;
}

}  // namespace

const char* KeyOf(Category category) { return kNames[static_cast<size_t>(category)].key; }
const char* LabelOf(Category category) { return kNames[static_cast<size_t>(category)].label; }

uint64_t Account::MappedSum() const {
  uint64_t sum = 0;
  for (const Part& part : categories) sum += part.mapped;
  return sum;
}

uint64_t Account::ResidentSum() const {
  uint64_t sum = 0;
  for (const Part& part : categories) sum += part.resident;
  return sum;
}

std::vector<AddressSpan> HeapStretches(const HeapImage& image) {
  std::vector<AddressSpan> all;
  const uint64_t chunk = image.chunk_pages * image.page_size;
  for (const ArenaImage& arena : image.arenas) {
    // The chunk in front of the first arena is reserved with it.
    const uint64_t front = arena.first_chunk == 1 ? std::min(chunk, arena.start) : 0;
    all.push_back({arena.start - front, arena.start + arena.chunks * chunk});
  }
  for (const WindowImage& w : image.windows) all.push_back({w.start, w.start + w.reserved});
  for (const StretchImage& s : image.metadata) all.push_back({s.start, s.start + s.size});
  std::sort(all.begin(), all.end(),
            [](const AddressSpan& a, const AddressSpan& b) { return a.start < b.start; });
  // They are apart, unless the heap moved while it was read, or is damaged.
  std::vector<AddressSpan> apart;
  for (AddressSpan stretch : all) {
    if (!apart.empty()) stretch.start = std::max(stretch.start, apart.back().end);
    if (stretch.start < stretch.end) apart.push_back(stretch);
  }
  return apart;
}

Account MakeAccount(const HeapImage& image, const HeapMap& map, const Residency& residency) {
  return Bookkeeper(image, map, residency).Make();
}

void AddMappings(const HeapImage& image, const std::vector<Mapping>& mappings,
                 const std::vector<uint64_t>& stack_pointers, const Residency& residency,
                 Account& account) {
  const std::vector<AddressSpan> stretches = HeapStretches(image);
  uint64_t in_heap = 0;
  std::array<Part, 7> others{};
  for (const Mapping& mapping : mappings) {
    account.resident += mapping.resident;
    account.swapped += mapping.swapped;
    const uint64_t ours = Overlap(stretches, mapping.start, mapping.end, nullptr);
    const uint64_t resident = ours == mapping.size() || ours == 0
                                  ? (ours == 0 ? 0 : mapping.resident)
                                  : std::min(mapping.resident, Overlap(stretches, mapping.start,
                                                                       mapping.end, &residency));
    in_heap += resident;
    if (ours == mapping.size()) continue;
    Part& part = others[static_cast<size_t>(KindOf(mapping, stack_pointers))];
    part.resident += mapping.resident - resident;
    if (!mapping.permissions.starts_with("---")) part.mapped += mapping.size() - ours;
  }
  if (account.knows_resident) {
    const uint64_t sum = account.ResidentSum();
    account.heap_rest = in_heap > sum ? in_heap - sum : 0;
  } else {
    account.heap_rest = in_heap;
  }
  for (size_t kind = 0; kind < others.size(); ++kind) {
    if (others[kind].mapped != 0) {
      account.others.push_back({static_cast<MappingKind>(kind), others[kind]});
    }
  }
  std::sort(account.others.begin(), account.others.end(),
            [](const OtherMappings& a, const OtherMappings& b) {
              return a.bytes.resident > b.bytes.resident;
            });
}

}  // namespace spanheap::look
