// SPDX-License-Identifier: MIT
//
// message-ring: a ring of `slots` messages of 1 KiB; `pushes` more take the place of the oldest.
// It looks at the clock at every push, so the longest gap is the longest push.
#include <cstring>

#include "bench/gc/program.h"

namespace spanheap::bench {

Outcome MessageRing(std::uint64_t slots, std::uint64_t pushes) {
  constexpr std::size_t kBytes = 1024;
  GapWatch gaps;
  Outcome outcome;
  using Slot = heap::Pointer<char>;
  Slot* const ring = heap::NewArray<Slot>(slots);
  for (std::uint64_t i = 0; i < slots + pushes; ++i) {
    gaps.Look();
    char* const message = heap::NewBytes(kBytes);
    std::memset(message, static_cast<int>(i & 0x7f), kBytes);
    char* const oldest = ring[i % slots];
    if (oldest != nullptr) outcome.checksum += static_cast<std::uint64_t>(oldest[kBytes / 2]);
    ring[i % slots] = message;
    heap::Free(oldest);
  }
  outcome.items = slots + pushes;
  gaps.AddTo(outcome.gaps);
  for (std::uint64_t i = 0; !heap::kCollects && i < slots; ++i) heap::Free<char>(ring[i]);
  heap::Free(ring);
  return outcome;
}

}  // namespace spanheap::bench
