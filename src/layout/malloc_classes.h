// SPDX-License-Identifier: MIT
//
// The size classes of malloc: small classes cut out of spans, run classes that are whole pages.
//
// Idea.   Small: multiples of 16 to 256 bytes, then eight classes a doubling to 32 KiB. A span has
//         32 to 64 KiB below 1 KiB blocks and eight blocks
//         above (four of the largest), with the length in that
//         range that wastes least. Runs: four classes a doubling from 40 KiB to 32 MiB; the part of
//         a run that is rounding is never touched, so it costs address space and no memory. Every
//         class fits one byte per page; class 0 means "anything unusual".
//         Table lookup serves requests to 256 KiB, arithmetic the larger ones.
// Why.    Objects of collected heaps use Go's table instead (collected_classes.h), which is tighter
//         on span length and looser on size: spans of one to four blocks from 2 KiB on would send
//         malloc to the central lists too often. docs/decisions holds the measurements.
// Tests.  tests/layout/malloc_classes_test.cc.
#pragma once

#include "base/platform.h"
#include "layout/size_class.h"

namespace spanheap {

using MallocClass = uint8_t;

inline constexpr uint32_t kClassGranule = 16;
inline constexpr uint32_t kMaxSmallBytes = 32768;
inline constexpr size_t kMaxTabledBytes = 256 << 10;
inline constexpr size_t kMaxRunBytes = 32 << 20;

inline constexpr unsigned kFineClasses = 16;           // 16, 32, ... 256
inline constexpr unsigned kSmallClasses = 16 + 7 * 8;  // ... 32768
inline constexpr unsigned kRunClasses = 10 * 4;        // 40 KiB ... 32 MiB
inline constexpr unsigned kMallocClassCount = 1 + kSmallClasses + kRunClasses;
inline constexpr unsigned kFirstRunClass = 1 + kSmallClasses;
static_assert(kMallocClassCount <= 256, "the class must fit the byte per page");

namespace detail {

// The n-th of `per_doubling` sizes above `base`, a power of two; n counts from 1.
consteval uint32_t Geometric(uint32_t base, unsigned per_doubling, unsigned n) {
  const uint32_t doubled = base << ((n - 1) / per_doubling);
  return doubled + doubled / per_doubling * ((n - 1) % per_doubling + 1);
}

consteval uint32_t SmallClassBytes(unsigned c) {
  return c <= kFineClasses ? c * kClassGranule : Geometric(256, 8, c - kFineClasses);
}

// Pages of a span: within the range for the size, the shortest that leaves at most 1/64 at the
// end, otherwise the one that leaves the smallest part.
consteval uint32_t SmallSpanPages(uint32_t size) {
  const size_t wanted = size_t{size} * 8 < (128 << 10) ? size_t{size} * 8 : 128 << 10;
  const uint32_t at_least =
      PagesFor(Bytes(wanted < size_t{size} * 4 ? size_t{size} * 4 : wanted)).value;
  const uint32_t from = at_least < 4 ? 4 : at_least;
  const uint32_t to = from < 8 ? 8 : from + from / 4;
  uint32_t best = to;
  for (uint32_t pages = to; pages >= from; --pages) {
    const uint64_t tail = (pages << kPageShift) % size;
    const uint64_t best_tail = (best << kPageShift) % size;
    if (tail * 64 <= (pages << kPageShift) || tail * best < best_tail * pages) best = pages;
  }
  return size <= 64 ? 8 : best;  // the smallest blocks: the longest span, for batches
}

consteval auto MakeMallocClasses() {
  std::array<ClassGeometry, kMallocClassCount> classes{};
  for (unsigned c = 1; c < kFirstRunClass; ++c) {
    const uint32_t size = SmallClassBytes(c);
    classes[c] = MakeGeometry(size, SmallSpanPages(size));
  }
  for (unsigned r = 1; r <= kRunClasses; ++r) {
    const uint32_t size = Geometric(kMaxSmallBytes, 4, r);
    classes[kSmallClasses + r] = {size, size >> kPageShift, 1, DivisionMagic(size)};
  }
  return classes;
}

}  // namespace detail

inline constexpr auto kMallocClasses = detail::MakeMallocClasses();

constexpr bool IsSmallClass(unsigned c) { return c != 0 && c < kFirstRunClass; }
constexpr bool IsRunClass(unsigned c) { return c >= kFirstRunClass; }
constexpr size_t BlockBytes(unsigned c) { return kMallocClasses[c].block_bytes; }
constexpr Pages RunPages(unsigned c) { return Pages(kMallocClasses[c].span_pages); }

namespace detail {
inline constexpr unsigned kTableEntries = kMaxTabledBytes / kClassGranule + 1;
consteval auto MakeClassTable() {
  std::array<MallocClass, kTableEntries> classes{};
  unsigned c = 1;
  for (unsigned i = 0; i < kTableEntries; ++i) {
    while (kMallocClasses[c].block_bytes < i * kClassGranule) ++c;
    classes[i] = static_cast<MallocClass>(c);
  }
  return classes;
}
}  // namespace detail

// Class for a request of n bytes at index (n + 15) / 16; n <= kMaxTabledBytes.
alignas(kCacheLine) inline constexpr auto kClassTable = detail::MakeClassTable();

// The class for a request of n bytes, n <= kMaxRunBytes.
constexpr unsigned MallocClassFor(size_t n) {
  if (n <= kMaxTabledBytes) return kClassTable[(n + kClassGranule - 1) / kClassGranule];
  const unsigned doubling = Log2Floor(n - 1);  // 2^doubling < n <= 2^(doubling + 1)
  const unsigned quarter =
      static_cast<unsigned>((n - 1 - (size_t{1} << doubling)) >> (doubling - 2));
  return kSmallClasses + (doubling - 15) * 4 + quarter + 1;
}

namespace detail {
consteval bool MagicsExact() {
  for (unsigned c = 1; c < kFirstRunClass; ++c) {
    if (!MagicIsExact(kMallocClasses[c])) return false;
  }
  return true;
}
consteval bool ClassesRiseAligned() {
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    const uint32_t size = kMallocClasses[c].block_bytes;
    if (size <= kMallocClasses[c - 1].block_bytes || size % kClassGranule != 0) return false;
  }
  return kMallocClasses[kMallocClassCount - 1].block_bytes == kMaxRunBytes;
}
// Size lookup is right at, just above and just below each class.
consteval bool LookupRight() {
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    const size_t size = kMallocClasses[c].block_bytes;
    if (MallocClassFor(size) != c || MallocClassFor(size - 1) != c) return false;
    if (c + 1 < kMallocClassCount && MallocClassFor(size + 1) != c + 1) return false;
  }
  return true;
}
// The worst part of a full span that is not the program's, in 1/1000, for requests of at least
// `from` bytes: tail, and rounding of a request one byte above the class before.
consteval uint64_t WorstWaste(uint32_t from) {
  uint64_t worst = 0;
  for (unsigned c = 1; c < kFirstRunClass; ++c) {
    const ClassGeometry& g = kMallocClasses[c];
    const uint64_t request = kMallocClasses[c - 1].block_bytes + 1;
    if (request < from) continue;
    const uint64_t span = uint64_t{g.span_pages} << kPageShift;
    const uint64_t waste = (span - request * g.slots) * 1000 / span;
    worst = waste > worst ? waste : worst;
  }
  return worst;
}
consteval bool RecordAndBitsSmall() {
  for (unsigned c = 2; c < kFirstRunClass; ++c) {
    const ClassGeometry& g = kMallocClasses[c];
    const uint64_t metadata = 64 + DivideUp(g.slots, 64) * 8;
    if (metadata * 1000 > uint64_t{g.span_pages} * kPageSize.value * 8) return false;
  }
  return true;
}
}  // namespace detail
static_assert(detail::MagicsExact());
static_assert(detail::ClassesRiseAligned());
static_assert(detail::LookupRight());
static_assert(detail::WorstWaste(113) <= 145, "rounding and tail together");
static_assert(detail::RecordAndBitsSmall(), "at most 0.8 % (class 16: 0.9 %)");

}  // namespace spanheap
