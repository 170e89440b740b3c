// SPDX-License-Identifier: MIT
//
// The arithmetic of memory limits: what a setting means in bytes, how far below a soft limit the
// heap is kept, and how much one allocation gives back when that is passed.
//
// Idea.       What counts is memory the heap has mapped minus what it has given back, tables and
//             records included. Two marks lie below a soft limit: above `background` the heap
//             gives free pages back in the background, above `target` the allocations do it
//             themselves, each a bounded piece. Once nothing more can be given back, attempts wait
//             for growth or time, so that a heap that is simply too large is not slowed down.
// Invariants. background <= target <= limit.
// Cost.       Integers only; nothing is read, nothing is kept.
// Go.         mgcscavenge.go gcPercent/memoryLimit goals, mheap.go allocSpan; the limit is soft
//             there, too. The hard limit is ours.
// Tests.      tests/policy/memory_limit_test.cc, with a heap in simulation.
#pragma once

#include <cstdint>

namespace spanheap::policy {

inline constexpr uint64_t kNoLimit = ~uint64_t{0};

// An amount of memory as a user says it: so many bytes, or so many hundredths of what there is.
struct MemoryAmount {
  uint64_t bytes = 0;
  uint32_t percent = 0;  // above 0: it is this that counts

  constexpr bool is_set() const { return bytes != 0 || percent != 0; }
  constexpr bool operator==(const MemoryAmount&) const = default;
};

// In bytes, where `whole` are there (kNoLimit: unknown); kNoLimit if it is not set.
uint64_t Resolve(MemoryAmount amount, uint64_t whole);

struct SoftLimit {
  uint64_t target = kNoLimit;
  uint64_t background = kNoLimit;
};
SoftLimit SoftLimitFor(uint64_t limit);

// What one allocation may be made to give back, unless it took in more itself: about two
// milliseconds of a system call. More obeys a lowered limit sooner, less delays a call less.
inline constexpr uint64_t kMostReleasePerCall = uint64_t{16} << 20;

// Bytes to give back by an allocation that took in `growth`, when `counted` bytes count. 0: none.
uint64_t ReleaseAtAllocation(uint64_t counted, uint64_t target, uint64_t growth);

// When to try again after an attempt that found too little to give back.
struct Patience {
  uint64_t counted = 0;  // try again above so many bytes
  uint64_t at_ns = 0;    // or after this time
};
Patience PatienceAfter(uint64_t counted, uint64_t target, uint64_t now_ns);

// How long to do without another search of everything after one that took so long and found too
// little: four times as long, a tenth of a second at most.
uint64_t RestAfterSearch_ns(uint64_t search_ns);

// Bytes of `wanted` that may be given back so that no less than `floor` bytes stay counted.
uint64_t AboveFloor(uint64_t wanted, uint64_t counted, uint64_t floor);

}  // namespace spanheap::policy
