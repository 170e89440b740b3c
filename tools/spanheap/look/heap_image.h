// SPDX-License-Identifier: MIT
//
// HeapImage: what was read of a heap, as it was read: plain numbers, no address left to follow.
//
// Idea. Page numbers are the library's own. Only chunks that the heap has grown are there, in
//       ascending order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "spanheap/look/collected_image.h"

namespace spanheap::look {

struct ClassGeometry {
  uint32_t block_bytes = 0;
  uint32_t span_pages = 0;
  uint32_t slots = 0;  // 1: runs of pages
};

struct ChunkImage {
  uint32_t number = 0;
  uint32_t generation = 0;  // of its last change
  std::vector<uint64_t> used;
  std::vector<uint64_t> scavenged;
  std::vector<uint8_t> class_of;  // by page
};

struct SpanImage {
  uint32_t number = 0;
  uint32_t first_page = 0;
  uint32_t pages = 0;
  uint32_t block_bytes = 0;
  uint32_t slots = 0;
  uint8_t malloc_class = 0;
  bool is_solo = false;
  uint32_t holes = 0;       // a bit per unit given back to the OS
  uint32_t first_word = 0;  // of its bits in HeapImage::bits; small spans only
};

struct BinImage {
  uint32_t capacity = 0;
  uint64_t taken = 0;
  uint64_t returned = 0;
  uint64_t requests = 0;  // that reached a slow path, and what they asked for
  uint64_t requested_bytes = 0;
  std::vector<uint64_t> blocks;  // addresses on the stack
};

struct ThreadImage {
  uint64_t address = 0;  // of its block
  uint64_t id = 0;       // the kernel's number; 0: not told, or nobody's
  bool is_shared = false;
  bool is_orphaned = false;
  uint32_t section_depth = 0;
  uint32_t page_base = 0;  // of its page cache
  uint64_t page_free = 0;
  uint64_t refills = 0;
  uint64_t flushes = 0;
  std::vector<BinImage> bins;  // by class
};

struct ArenaImage {
  uint64_t start = 0;
  uint32_t first_chunk = 0;
  uint32_t chunks = 0;
};

struct WindowImage {
  uint64_t start = 0;
  uint64_t reserved = 0;
  uint64_t ready = 0;
};

struct RunImage {
  uint32_t first_page = 0;
  uint32_t pages = 0;
};

struct StretchImage {
  uint64_t start = 0;
  uint64_t size = 0;
};

// What the library counts itself; bytes unless it says otherwise.
struct CounterImage {
  uint64_t grown = 0;
  uint64_t claimed = 0;  // on their way back to the OS
  uint64_t table_bytes = 0;
  uint64_t record_bytes = 0;  // span records made ready
  uint64_t piece_bytes = 0;   // the metadata arena
  uint64_t large_bytes = 0;
  uint64_t small_bytes = 0;
  uint64_t solo_bytes = 0;
  uint64_t hole_bytes = 0;
  uint64_t kept_bytes = 0;
  uint64_t reserved = 0;
  uint64_t peak = 0;
  uint64_t allocations = 0;  // times
  uint64_t os_releases = 0;  // times
  uint64_t refills_of_ended = 0;
  uint64_t flushes_of_ended = 0;
  uint64_t large_waste = 0;
};

// What the heap has taken as its limits count it, and where they lie.
struct LimitImage {
  static constexpr uint64_t kNone = ~uint64_t{0};
  bool is_known = false;
  uint64_t counted = 0;
  uint64_t limit = kNone;    // the soft one, as it was set
  uint64_t target = kNone;   // below it: above this, memory is given back
  uint64_t ceiling = kNone;  // above it, allocations fail
};

// What gives memory back unasked, as of its last tick.
struct ScavengerImage {
  bool is_known = false;
  uint64_t in_use = 0;        // bytes
  uint64_t peak = 0;          // of that, of late: it decays
  uint64_t floor = 0;         // stays backed
  uint64_t spent_ns = 0;      // processor time, in all
  uint64_t mib_ns = 0;        // what giving back a MiB takes, lately
  bool knows_more = false;    // what follows: libraries before it did not tell
  uint64_t swing = 0;         // bytes taken and freed again between two ticks, of late
  int64_t credit_ns = 0;      // processor time it may use at once; below zero: it has to wait
  uint64_t generation = 0;    // of pages by their age: it counts up
  uint64_t released[4] = {};  // bytes: unasked, after growth, for a limit, by a call
  uint64_t thread = 0;        // a number of kThreadStates

  static constexpr const char* kThreadStates[] = {"none", "starting", "refused", "awake", "dozing"};
  const char* thread_state() const { return thread < 5 ? kThreadStates[thread] : "unknown"; }
  // Bytes that may stay backed.
  uint64_t goal() const { return std::max(floor, peak + std::min(swing, peak / 10)); }
};

// Requests by threads that have ended, by class.
struct RequestsImage {
  uint64_t count = 0;
  uint64_t bytes = 0;
};

struct Setting {
  std::string name;
  uint64_t value = 0;
};

struct HeapImage {
  uint64_t page_size = 0;
  uint32_t chunk_pages = 0;
  uint32_t first_run_class = 0;
  uint32_t generation = 0;        // now
  uint32_t longest_free_run = 0;  // pages
  std::vector<ClassGeometry> classes;
  std::vector<ArenaImage> arenas;
  std::vector<StretchImage> metadata;  // tables, span records, pieces: where they are
  std::vector<ChunkImage> chunks;
  std::vector<SpanImage> spans;
  std::vector<uint64_t> bits;  // of all small spans: 1 = not free
  std::vector<ThreadImage> threads;
  std::vector<std::vector<uint64_t>> shelf;  // by class: blocks that no thread keeps
  std::vector<WindowImage> windows;
  std::vector<RunImage> kept_runs;
  RunImage ahead;  // free, and being touched before anybody needs it; or none
  std::vector<Setting> settings;
  CounterImage counters;
  LimitImage limits;
  ScavengerImage scavenger;
  std::vector<RequestsImage> requests_of_ended;  // by class
  uint64_t os_page = 0;  // in multiples of which spans have holes; 0: they have none
  CollectedImage collected;
  bool gate_is_closed = false;
  bool lock_is_held = false;  // a lock that may be held outside of sections
  size_t unreadable = 0;      // places that led nowhere: the heap changed meanwhile

  uint64_t AddressOf(uint32_t page) const;
  // The page that holds an address; 0: none of the heap's.
  uint32_t PageAt(uint64_t address) const;
  // Whether these pages lie in one of the arenas.
  bool Holds(uint32_t first_page, uint32_t pages) const;
  bool IsRunClass(unsigned c) const { return c >= first_run_class; }
  // Bytes of a span that were given back to the OS.
  uint64_t HoleBytesOf(const SpanImage& span) const;
  // True if nobody was inside of the heap when this was read.
  bool IsQuiet() const;
};

}  // namespace spanheap::look
