// SPDX-License-Identifier: MIT
#include "pages/scavenge_candidate.h"

#include "base/platform.h"

#include <algorithm>

namespace spanheap {
namespace {

// Set bits: pages that cannot be given back.
struct Barred {
  const PageChunk& chunk;
  unsigned group;

  uint64_t Word(unsigned w) const {
    return FillGroups(chunk.used.words[w] | chunk.scavenged.words[w], group);
  }
};

struct Run {
  unsigned begin = 0;
  unsigned end = 0;
};

Run HighestRun(const Barred& barred) {
  unsigned w = PageBitmap::kWords;
  while (w > 0 && ~barred.Word(w - 1) == 0) --w;
  if (w == 0) return {};
  const uint64_t top = barred.Word(--w);
  const unsigned above = static_cast<unsigned>(std::countl_one(top));
  Run run;
  run.end = (w + 1) * 64 - above;
  const uint64_t rest = top << above;  // the run's last page is now the highest bit
  if (rest != 0) {
    run.begin = run.end - static_cast<unsigned>(std::countl_zero(rest));
    return run;
  }
  run.begin = w * 64;
  while (w > 0) {
    const uint64_t below = barred.Word(--w);
    run.begin -= static_cast<unsigned>(std::countl_zero(below));
    if (below != 0) break;
  }
  return run;
}

}  // namespace

SPANHEAP_AT_START ReleaseUnits ReleaseUnitsFor(Bytes os_page, Bytes huge_page) {
  ReleaseUnits units;
  units.os_page = static_cast<uint32_t>(std::max<size_t>(1, os_page.value >> kPageShift));
  const bool usable = huge_page > kPageSize && huge_page > os_page && huge_page <= kChunkSize &&
                      IsPowerOfTwo(huge_page.value);
  units.huge_page = usable ? static_cast<uint32_t>(huge_page.value >> kPageShift) : 0;
  return units;
}

uint64_t FillGroups(uint64_t bits, unsigned group) {
  // One bit per group is enough to know: gather it in the group's lowest bit, then multiply it out.
  for (unsigned step = 1; step < group; step *= 2) bits |= bits >> step;
  const uint64_t lowest = group == 64 ? 1 : ~uint64_t{0} / LowBits(group);
  // Bits gathered from the group above went no further than this group's upper bits.
  bits &= lowest;
  return bits * LowBits(group);
}

ScavengeCandidate FindScavengeCandidate(const PageChunk& chunk, uint32_t at_most,
                                        ReleaseUnits units) {
  const Run run = HighestRun({chunk, units.os_page});
  if (run.end == 0) return {};
  const uint64_t asked = RoundUp(std::max<uint64_t>(at_most, 1), uint64_t{units.os_page});
  const auto size = static_cast<unsigned>(std::min<uint64_t>(run.end - run.begin, asked));
  unsigned first = run.end - size;
  if (units.huge_page != 0) {
    const auto above = static_cast<unsigned>(RoundUp(first, uint64_t{units.huge_page}));
    const auto below = static_cast<unsigned>(RoundDown(first, units.huge_page));
    if (above <= run.end && below >= run.begin) first = below;
  }
  return {first, run.end - first};
}

ScavengeCandidate FindFreeHugePage(const PageChunk& chunk, ReleaseUnits units) {
  const unsigned n = units.huge_page;
  if (n == 0) return {};
  for (unsigned first = kChunkPages.value; first >= n;) {
    first -= n;
    if (chunk.used.NoneSet(first, n) && !chunk.scavenged.AllSet(first, n)) return {first, n};
  }
  return {};
}

}  // namespace spanheap
