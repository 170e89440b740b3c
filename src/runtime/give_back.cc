// SPDX-License-Identifier: MIT
#include "runtime/give_back.h"

#include "runtime/heap_section.h"
#include "runtime/idle_caches.h"
#include "runtime/occupied.h"

namespace spanheap {
namespace {

// In a section of its own. False: there is none to be had.
bool TrimOne(IdleCaches& idle, bool& any) {
  const HeapSection section;
  if (!section.is_open()) return false;
  any = idle.TrimNext() || any;
  return true;
}

}  // namespace

void TrimSleepingThreads() {
  if (Occupied::IsInHeap()) return;
  runtime.threads.ReleaseRecycled();
  IdleCaches idle(runtime);
  // More of them than fit into one look are found by the next. So many looks at most, though
  // threads wake up and have something again.
  uint32_t looks = runtime.threads.of_program() / IdleCaches::kMost + 1;
  for (bool any = true; any && looks > 0; --looks) {
    idle.LookAtAll();
    any = false;
    while (idle.has_more()) {
      if (!TrimOne(idle, any)) return;
    }
    if (!idle.is_full()) return;
  }
}

bool FlushThisThread() {
  const HeapSection section;
  if (!section.is_open()) return false;
  section.cache().Flush();
  return true;
}

Bytes ReleaseInPieces(Bytes at_most, ReleaseCause cause) {
  ForcedRelease release = runtime.scavenger.Release(at_most);
  for (bool has_more = true; has_more;) {
    const HeapSection section;
    if (!section.is_open()) break;
    has_more = release.Step(section.block().page_cache);
  }
  runtime.scavenger.Note(cause, release.released());
  return release.released();
}

void ReleaseChunksInPieces() {
  constexpr Pages kPiece{64 * kChunkPages.value};
  // So many at most, though others free as many meanwhile.
  uint64_t pieces = runtime.pages.grown_bytes() / BytesOf(kPiece).value + 1;
  for (; pieces > 0; --pieces) {
    const HeapSection section;
    if (!section.is_open() || runtime.pages.ReleaseChunks(kPiece) < kPiece) return;
  }
}

}  // namespace spanheap
