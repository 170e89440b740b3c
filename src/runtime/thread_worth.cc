// SPDX-License-Identifier: MIT
#include "runtime/thread_worth.h"

#include <algorithm>

#include "os/service_thread.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

// Blocks of classes that are in this thread's bins or the program's hands.
uint64_t TakenBytes(const ThreadBlock& block) {
  int64_t bytes = 0;
  block.ForEachUsed([&block, &bytes](unsigned c) {
    const ClassState& state = block.classes[c];
    // Relaxed: written by this thread. A bare clone may have taken what this thread returns.
    const uint64_t blocks = state.taken.LoadRelaxed() - state.returned.LoadRelaxed();
    bytes += static_cast<int64_t>(blocks) * static_cast<int64_t>(BlockBytes(c));
  });
  return static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
}

}  // namespace

bool ThreadWorth::Look() {
  if (is_certain() || !os::HasOneThread() || runtime_.limits.has_percentage()) return true;
  if (runtime_.pages.gauge().above_background() != 0) return true;
  if (missing_.LoadRelaxed() <= 0) LookAtFrees();  // relaxed: as in NoteFreed
  return is_certain();
}

uint64_t ThreadWorth::FreeBytes(const ThreadBlock& block, uint64_t& backed) const {
  const PageHeapStats pages = runtime_.pages.ReadStats();
  const uint64_t all = pages.used + pages.cached + pages.free_backed;
  backed = all - std::min(all, runtime_.spans.hole_bytes());
  const uint64_t taken = TakenBytes(block) + runtime_.spans.solo_bytes();
  const uint64_t kept = std::max(taken, options.minheap.value);
  return backed - std::min(backed, kept);
}

void ThreadWorth::LookAtFrees() {
  const HeapSection section;
  if (!section.is_open() || &section.block() == &runtime_.threads.shared_block()) return;
  uint64_t backed = 0;
  const uint64_t free = FreeBytes(section.block(), backed);
  const uint64_t worth = Worth(backed, kShareAtOnce);
  is_certain_.StoreRelaxed(free >= worth);  // relaxed, both: as in NoteFreed
  missing_.StoreRelaxed(static_cast<int64_t>(std::max(worth - std::min(free, worth), kStep)));
}

void ThreadWorth::ResetInChild() {
  missing_.StoreRelaxed(0);  // relaxed, both: one thread is left
  is_certain_.StoreRelaxed(false);
}

}  // namespace spanheap
