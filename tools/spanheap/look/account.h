// SPDX-License-Identifier: MIT
//
// Account: where a process's memory is: the categories of the heap, mapped and resident, the size
// classes, the threads, and everything that is not the heap.
//
// Invariants. The categories' mapped bytes and `unreconciled` tell the same as the library's own
//             counters: in a heap that was quiet while it was read, their sum is what is mapped, to
//             the byte, and `unreconciled` is 0. Resident bytes of the categories, the rest of the
//             heap's mappings and all other mappings add up to what the kernel says is resident.
// Tests.      tests/tools/look_test.cc, explain_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "spanheap/look/collected_account.h"
#include "spanheap/look/heap_image.h"
#include "spanheap/look/heap_map.h"
#include "spanheap/look/mapping.h"
#include "spanheap/look/residency.h"

namespace spanheap::look {

enum class Category {
  kLive,
  kFreeInSpans,
  kThreadCache,
  kCentralCache,
  kPageCache,
  kFreePages,
  kReleased,
  kMetadata,
  kCollected
};
inline constexpr size_t kCategories = 9;
// Key for programs, label for people; the same as in the library's report.
const char* KeyOf(Category category);
const char* LabelOf(Category category);

struct Part {
  uint64_t mapped = 0;
  uint64_t resident = 0;
};

struct ClassAccount {
  static constexpr size_t kBuckets = 10;
  uint64_t block_bytes = 0;
  uint64_t spans = 0;
  uint64_t live_blocks = 0;
  uint64_t cached_blocks = 0;
  uint64_t free_blocks = 0;
  uint64_t tail_bytes = 0;
  uint64_t rounding_waste = 0;  // part of live: block sizes minus what was asked for, estimated
  std::array<uint64_t, kBuckets> spans_by_use{};  // bucket i: i to i + 1 tenths of the slots live
  uint64_t resident = 0;                          // of its spans or runs
};

struct ThreadAccount {
  uint64_t address = 0;
  uint64_t id = 0;  // the kernel's number; 0: not told, or nobody's
  uint64_t cached_blocks = 0;
  uint64_t cached_bytes = 0;
  uint64_t page_cache_bytes = 0;
  uint64_t refills = 0;
  uint64_t flushes = 0;
  bool is_shared = false;
  bool is_orphaned = false;
};

struct OtherMappings {
  MappingKind kind;
  Part bytes;
};

struct Account {
  uint64_t mapped = 0;        // by the library's counters
  uint64_t unreconciled = 0;  // bytes by which the heap's structures contradict each other
  bool knows_resident = false;
  std::array<Part, kCategories> categories;
  std::vector<ClassAccount> classes;             // by class
  std::vector<CollectedClassAccount> collected;  // classes of the collected heap in use
  std::vector<ThreadAccount> threads;
  uint64_t shelf_blocks = 0;  // freed blocks that wait by the batch for any thread
  uint64_t shelf_bytes = 0;
  uint64_t hole_bytes = 0;      // part of released: inside spans
  uint64_t rounding_waste = 0;  // part of live: usable minus asked for, estimated
  uint64_t live_blocks = 0;
  uint64_t large_blocks = 0;
  uint64_t large_bytes = 0;
  uint64_t pinned_bytes = 0;  // of small spans with at most a tenth of their slots live
  uint64_t pinned_spans = 0;
  uint64_t huge = 0;                  // resident bytes of the heap on huge pages
  uint64_t heap_rest = 0;             // resident in the heap's mappings, but in no category
  std::vector<OtherMappings> others;  // largest first; empty when mappings were not looked at
  uint64_t resident = 0;              // of the process: the sum of all its mappings
  uint64_t swapped = 0;

  const Part& Of(Category category) const { return categories[static_cast<size_t>(category)]; }
  uint64_t MappedSum() const;
  uint64_t ResidentSum() const;  // of the categories
};

// The stretches of address space that are the heap's, sorted and apart.
std::vector<AddressSpan> HeapStretches(const HeapImage& image);

// Mappings may be empty: then nothing is said about other memory.
Account MakeAccount(const HeapImage& image, const HeapMap& map, const Residency& residency);
void AddMappings(const HeapImage& image, const std::vector<Mapping>& mappings,
                 const std::vector<uint64_t>& stack_pointers, const Residency& residency,
                 Account& account);

}  // namespace spanheap::look
