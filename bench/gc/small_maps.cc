// SPDX-License-Identifier: MIT
//
// small-maps: `live` maps of 16 keys each, of which one after the other gives way to a new one,
// `maps` times; a map is looked through before it goes. Chained, 16 buckets; Go takes its own maps.
#include "bench/gc/program.h"

namespace spanheap::bench {
namespace {

constexpr std::uint64_t kKeys = 16;
constexpr std::uint64_t kBuckets = 16;

struct Entry {
  heap::Pointer<Entry> next;
  std::uint64_t key, value;
};
using Bucket = heap::Pointer<Entry>;

std::uint64_t PlaceOf(std::uint64_t key) { return (key * 0x9e3779b97f4a7c15u) >> 60; }

void Insert(Bucket* map, std::uint64_t key, std::uint64_t value) {
  Bucket& bucket = map[PlaceOf(key)];
  for (Entry* entry = bucket; entry != nullptr; entry = entry->next) {
    if (entry->key == key) {
      entry->value = value;
      return;
    }
  }
  bucket = heap::New<Entry>(static_cast<Entry*>(bucket), key, value);
}

std::uint64_t Look(const Bucket* map, std::uint64_t key) {
  const Entry* entry = map[PlaceOf(key)];
  while (entry != nullptr && entry->key != key) entry = entry->next;
  return entry != nullptr ? entry->value : 0;
}

Bucket* MakeMap(std::uint64_t number, GapWatch& gaps) {
  Bucket* const map = heap::NewArray<Bucket>(kBuckets);
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    gaps.Tick();
    Insert(map, number + i * i, i);
  }
  return map;
}

std::uint64_t Finish(Bucket* map, std::uint64_t number) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) sum += Look(map, number + i * i);
  if constexpr (!heap::kCollects) {
    for (std::uint64_t i = 0; i < kBuckets; ++i) {
      for (Entry* entry = map[i]; entry != nullptr;) {
        Entry* const next = entry->next;
        heap::Free(entry);
        entry = next;
      }
    }
    heap::Free(map);
  }
  return sum;
}

}  // namespace

Outcome SmallMaps(std::uint64_t live, std::uint64_t maps) {
  GapWatch gaps;
  Outcome outcome;
  auto* const places = heap::NewArray<heap::Pointer<Bucket>>(live);
  for (std::uint64_t i = 0; i < live + maps; ++i) {
    heap::Pointer<Bucket>& place = places[i % live];
    if (i >= live) outcome.checksum += Finish(place, i - live);
    place = MakeMap(i, gaps);
  }
  for (std::uint64_t i = maps; i < live + maps; ++i) {
    outcome.checksum += Finish(places[i % live], i);
  }
  heap::Free(places);
  outcome.items = (live + maps) * (kKeys + 1);
  gaps.AddTo(outcome.gaps);
  return outcome;
}

}  // namespace spanheap::bench
