// SPDX-License-Identifier: MIT
//
// ThreadBlock: everything one thread owns: its bins, the stacks behind them, the spans it takes
// slots from, its page cache, its counters.
//
// Invariants. B1 bins.tops[c] lies in [stack bottom of c, bottom + capacity]. B2 slot 0 of a stack
//             is null for ever; the bottom of a closed bin of the table is the one that all empty
//             bins share. B3 taken - returned of a class = blocks of it that are live because of
//             this thread plus those on its stack, minus what other threads have taken over.
// Threads.    The owner, inside a CoreSection. Another thread may read counters and tops for
//             statistics at any time, and everything while the owner cannot run (fork's child,
//             after exit).
// Cost.       About 325 KiB of address space; pages become resident as bins are used. Beginning
//             again and ending cost by the classes that were used.
// Tests.      tests/caches/thread_cache_test.cc.
#pragma once

#include <array>
#include <bit>
#include <cstddef>

#include "base/atomic.h"
#include "base/units.h"
#include "caches/thread_bins.h"
#include "layout/malloc_classes.h"
#include "pages/page_cache.h"
#include "spans/span.h"
#include "sync/core_section.h"

namespace spanheap {

// The most blocks a bin may hold: enough for long refills of small blocks, a bounded number of
// bytes of large ones. More means fewer visits to the spans and more memory in idle caches.
constexpr uint32_t MaxCapacity(unsigned c) {
  const uint32_t size = kMallocClasses[c].block_bytes;
  const uint32_t by_bytes = (IsSmallClass(c) ? 512U << 10 : 1U << 20) / size;
  const uint32_t most = IsSmallClass(c) ? 1024 : 16;
  if (by_bytes > most) return most;
  return by_bytes < 2 ? 2 : by_bytes;
}

// What a bin holds once it is used, and is never shrunk below: at most 8 KiB of blocks, but one at
// least. Runs beyond malloc's table are not for bins at all (ThreadCache::TryHoldRun).
constexpr uint32_t FirstCapacity(unsigned c) {
  const size_t size = BlockBytes(c);
  if (size > kMaxTabledBytes) return 0;
  return size <= 1024 ? 8 : (size >= 8192 ? 1 : static_cast<uint32_t>(8192 / size));
}

// What the bins of all small classes hold once they are used.
constexpr size_t FirstSmallBytes() {
  size_t sum = 0;
  for (unsigned c = 1; c < kFirstRunClass; ++c) sum += FirstCapacity(c) * BlockBytes(c);
  return sum;
}

// What a bin's first stack has room for: two doublings, so that a program that uses a class a
// little stays on it. Bins beyond the table never get another.
constexpr uint32_t FirstRoom(unsigned c) {
  const uint32_t room = 4 * FirstCapacity(c);
  return room != 0 && room < MaxCapacity(c) ? room : MaxCapacity(c);
}

namespace detail {
struct StackLayout {
  std::array<uint32_t, kMallocClassCount> bottom{};  // index of slot 0
  uint32_t total = 0;
};
// Stacks of room(c) blocks above their empty slot, `apart` slots left between them.
template <class Room>
consteval StackLayout LayOutStacks(Room room, uint32_t apart) {
  StackLayout layout;
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    layout.bottom[c] = layout.total;
    layout.total += room(c) + 1 + apart;
  }
  return layout;
}
// Stacks of 1024 blocks lie 8 KiB apart: without a gap their lower ends, all that most bins use,
// would share a few sets of the first cache (32 KiB in 8 ways: a set for each line of 4 KiB).
constexpr uint32_t kStackGap = 4 * (kCacheLine / sizeof(void*)) - 1;
consteval auto MaxCapacities() {
  std::array<uint16_t, kMallocClassCount> most{};
  for (unsigned c = 1; c < kMallocClassCount; ++c) most[c] = static_cast<uint16_t>(MaxCapacity(c));
  return most;
}
}  // namespace detail
inline constexpr auto kFirstStacks =
    detail::LayOutStacks([](unsigned c) { return FirstRoom(c); }, 0);
inline constexpr auto kFullStacks =
    detail::LayOutStacks([](unsigned c) { return MaxCapacity(c); }, detail::kStackGap);
inline constexpr auto kMaxCapacities = detail::MaxCapacities();

// What slow paths know of a class beyond its bin.
struct ClassState {
  void** bottom = nullptr;    // slot 0 of the bin's stack
  uint32_t cursor = 0;        // word of the held span's bitmap to look at next
  uint32_t capacity = 0;      // blocks the bin may hold now; 0: it is closed
  Atomic<uint64_t> taken;     // blocks taken from spans or pages; written by the owner
  Atomic<uint64_t> returned;  // blocks given back to them; written by the owner
  // Requests of this class that reached a slow path, and the bytes they asked for: a sample that
  // says how much of a block is rounding. Written by the owner.
  Atomic<uint64_t> requests;
  Atomic<uint64_t> requested_bytes;
};

// What is known to whoever trims the caches of sleeping threads (runtime/idle_caches.h).
struct IdleWatch {
  Atomic<ThreadAnchor*> anchor;  // the owner's; null: it is not there yet, or on its way out
  // How many owners the block has had; and which of them was found gone without a word.
  Atomic<uint32_t> owner;
  Atomic<uint32_t> lost_owner;
  uint64_t blocked_signals = 0;  // what the owner blocked when it attached
  Atomic<bool> trimmed;          // the caches are empty; the owner clears it in its slow path
  uint32_t rounds = 0;  // without a change; this and the next are under the registry's lock
  uint64_t signature = 0;
  Atomic<uint32_t> attempts;  // vain ones since the last change; a hint, read and written relaxed
  uint64_t runs = 0;      // how often it had been given a processor, in the look of this number;
  uint32_t seen_in = 0;   // these are for whoever looks for idle threads, one at a time
  Atomic<uint32_t> busy;  // times in a row it turned out that it sleeps often, but never for long
};

struct ThreadBlock {
  ThreadBins bins;
  ThreadState state;
  PageCache page_cache;
  size_t small_bytes = 0;  // capacity x size over the small classes
  // What the owner may keep from others: capacity x size of all bins, held runs, held spans.
  size_t kept_bytes = 0;
  size_t noted_bytes = 0;        // of that, what CacheShare knows of
  unsigned next_to_shrink = 0;   // round robin over small classes when small_bytes is at its cap
  unsigned crowded_visits = 0;   // that would have needed such a halving
  unsigned next_to_yield = 0;    // the same over all classes when the thread keeps too much
  bool has_share = false;        // counted by CacheShare
  unsigned exit_rounds = 0;      // calls of the thread-exit hook so far
  uint64_t random_state = 0;     // for sampling intervals
  Atomic<void*> deferred_frees;  // freed by a signal handler that interrupted a slow path
  Atomic<uint64_t> thread_id;    // the kernel's number of the owner; constant while it has one
  Atomic<uint64_t> refills;      // statistics, written by the owner
  Atomic<uint64_t> flushes;
  // A bit per class whose bin or counters were used since the block began; the others are as Begin
  // left them: closed bins, which look full and empty.
  uint64_t used_classes[(kMallocClassCount + 63) / 64] = {};
  // Likewise of each class whose bin a block went past since it was closed.
  uint64_t passed_classes[(kMallocClassCount + 63) / 64] = {};
  ThreadBlock* next = nullptr;  // list of blocks; guarded by the registry
  ThreadBlock* previous = nullptr;
  bool in_limit_callback = false;  // the owner is in the program's callback (runtime/limits.h)
  // Its thread was lost in a fork, or ended without a word; guarded by the registry.
  bool orphaned = false;
  bool of_program = false;  // its thread is none of the heap's own; written when it attaches
  bool is_first = false;    // its thread is the process's first; written as the last one
  IdleWatch idle;
  Span* spans[kSmallClasses + 1] = {};  // held: where refills of a class take slots
  ClassState classes[kMallocClassCount];
  // Bins begin on short stacks, all of them together on four pages, and move to a full one when
  // they grow: a thread that uses many classes a little touches few pages.
  void* first_stacks[kFirstStacks.total];
  void* full_stacks[kFullStacks.total];

  void** bottom(unsigned c) { return classes[c].bottom; }
  void** first_stack(unsigned c) { return &first_stacks[kFirstStacks.bottom[c]]; }
  void** full_stack(unsigned c) { return &full_stacks[kFullStacks.bottom[c]]; }
  bool IsUsed(unsigned c) const { return (used_classes[c / 64] >> (c % 64) & 1) != 0; }
  void NoteUsed(unsigned c) { used_classes[c / 64] |= uint64_t{1} << (c % 64); }
  // Calls visit(c) for each class that was used.
  template <class Visitor>
  void ForEachUsed(Visitor&& visit) const {
    unsigned first = 0;
    for (uint64_t rest : used_classes) {
      for (; rest != 0; rest &= rest - 1) {
        visit(first + static_cast<unsigned>(std::countr_zero(rest)));
      }
      first += 64;
    }
  }
  uint32_t depth(unsigned c) {
    // Relaxed: exact for the owner, a statistic for others.
    return static_cast<uint32_t>(bins.tops[c].LoadRelaxed() - bottom(c));
  }
};
// All that stays when a sleeping thread's stacks are given back. Blocks begin a cache line into
// their mapping: two small OS pages each.
static_assert(offsetof(ThreadBlock, first_stacks) + kCacheLine <= 8192);

}  // namespace spanheap
