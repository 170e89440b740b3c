// SPDX-License-Identifier: MIT
//
// alloc-bytes, alloc-scanned: `objects` objects of 16..512 bytes, none of which is kept: what an
// allocation costs together with its share of the collection. Bytes hold no pointers; the others
// are arrays of pointers, which come zeroed and would be scanned if one lived.
#include "bench/gc/program.h"
#include "bench/harness/random.h"

namespace spanheap::bench {
namespace {

constexpr std::uint64_t kLeastBytes = 16;
constexpr std::uint64_t kMostBytes = 512;

// Calls one(bytes) for each object; it returns what to add to the checksum.
template <class One>
Outcome Repeat(std::uint64_t objects, One one) {
  GapWatch gaps;
  Random random(1);
  Outcome outcome;
  for (std::uint64_t i = 0; i < objects; ++i) {
    gaps.Tick();
    outcome.checksum += one(random.Between(kLeastBytes, kMostBytes), i);
  }
  outcome.items = objects;
  gaps.AddTo(outcome.gaps);
  return outcome;
}

}  // namespace

Outcome AllocateBytes(std::uint64_t objects, std::uint64_t) {
  return Repeat(objects, [](std::uint64_t bytes, std::uint64_t i) {
    char* const object = heap::NewBytes(bytes);
    Escape(object);
    object[0] = static_cast<char>(i);
    object[bytes - 1] = static_cast<char>(bytes);
    const std::uint64_t seen = static_cast<unsigned char>(object[0]) + bytes;
    heap::Free(object);
    return seen;
  });
}

Outcome AllocateScanned(std::uint64_t objects, std::uint64_t) {
  using Slot = heap::Pointer<char>;
  return Repeat(objects, [](std::uint64_t bytes, std::uint64_t) {
    const std::uint64_t slots = bytes / sizeof(Slot);
    Slot* const object = heap::NewArray<Slot>(slots);
    Escape(object);
    const std::uint64_t seen = (object[0] == nullptr) + (object[slots - 1] == nullptr) + slots;
    heap::Free(object);
    return seen;
  });
}

}  // namespace spanheap::bench
