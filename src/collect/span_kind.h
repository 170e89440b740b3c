// SPDX-License-Identifier: MIT
//
// SpanKind: what a collected span is cut into, and how its slots are looked through for pointers.
//
// Idea.       A size class times a domain makes a kind; a kind is one byte, and the byte of a page
//             leads to everything a marker must know to find the slot an address lies in. Byte 0
//             is "no collected page", so a conservative word is turned away by one load.
// Invariants. Kind bytes are 1 + class * 3 + domain. Class 0 stands for large objects: one slot,
//             its pages in the record.
// Go.         mheap.go spanClass (class * 2 + noscan). The third domain is ours: it takes the place
//             of headers in front of objects.
// Tests.      Through the collector: tests/collect/collector_test.cc.
#pragma once

#include <array>
#include <cstdint>

#include "collect/mark_block.h"
#include "layout/collected_classes.h"

namespace spanheap::collected {

enum class Domain : uint8_t {
  kNoScan,  // holds no pointers
  kBits,    // one page; a bit per word of the page says which words are pointers
  kTyped,   // a type number per slot (large objects: in the record) tells
};

inline constexpr unsigned kDomains = 3;
inline constexpr unsigned kKindCount = 1 + kClassCount * kDomains;
// Above this size a type number costs less than bits.
inline constexpr uint32_t kMaxBitsBytes = 512;

constexpr uint8_t KindFor(unsigned size_class, Domain domain) {
  return static_cast<uint8_t>(1 + size_class * kDomains + static_cast<unsigned>(domain));
}
constexpr bool IsLargeKind(uint8_t kind) { return kind >= 1 && kind <= kDomains; }

struct SpanKind {
  uint32_t magic = 0;  // for SlotAt; 0 for large objects, so that every offset is slot 0
  uint32_t block_bytes = 0;
  uint16_t slots = 0;
  uint8_t pages = 0;  // 0: the record tells
  Domain domain = Domain::kNoScan;
  uint8_t size_class = 0;
  uint8_t words = 0;       // of a bitmap with a bit per slot
  uint8_t owner_word = 0;  // of the page's MarkBlock; 0: its note is the owner
};

namespace detail {
consteval SpanKind MakeKind(unsigned size_class, Domain domain) {
  SpanKind kind;
  kind.domain = domain;
  kind.size_class = static_cast<uint8_t>(size_class);
  kind.slots = 1;
  if (size_class != 0) {
    const ClassGeometry& g = kClasses[size_class];
    kind.magic = g.magic;
    kind.block_bytes = g.block_bytes;
    kind.slots = static_cast<uint16_t>(g.slots);
    kind.pages = static_cast<uint8_t>(g.span_pages);
  }
  kind.words = static_cast<uint8_t>((kind.slots + 63) / 64);
  if (domain == Domain::kBits) kind.owner_word = MarkBlock::OwnerWord(kind.words);
  return kind;
}
consteval auto MakeKinds() {
  std::array<SpanKind, kKindCount> kinds{};
  for (unsigned c = 0; c < kClassCount; ++c) {
    for (unsigned d = 0; d < kDomains; ++d) {
      const auto domain = static_cast<Domain>(d);
      kinds[KindFor(c, domain)] = MakeKind(c, domain);
    }
  }
  return kinds;
}
consteval bool BitsFitOnePage() {
  for (unsigned c = 1; c < kClassCount; ++c) {
    if (kClasses[c].block_bytes <= kMaxBitsBytes && kClasses[c].span_pages != 1) return false;
  }
  return true;
}
}  // namespace detail

inline constexpr std::array<SpanKind, kKindCount> kSpanKinds = detail::MakeKinds();
static_assert(kKindCount <= 256 && detail::BitsFitOnePage());

// Bits of the last bitmap word that stand for no slot.
constexpr uint64_t PaddingOf(const SpanKind& kind) {
  return kind.slots % 64 == 0 ? 0 : ~LowBits(kind.slots % 64U);
}

}  // namespace spanheap::collected
