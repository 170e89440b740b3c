// SPDX-License-Identifier: MIT
#include "policy/memory_limit.h"

#include "base/platform.h"

#include <algorithm>

namespace spanheap::policy {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kPatience_ns = 10'000'000;

// What is kept free below a limit for all that nobody counts (stacks, libraries, the kernel's page
// tables) and for what is taken in while others give back: 3 %, and a MiB at least.
uint64_t HeadroomFor(uint64_t limit) { return std::min(std::max(limit / 32, kMiB), limit / 2); }

}  // namespace

SPANHEAP_AT_START uint64_t Resolve(MemoryAmount amount, uint64_t whole) {
  if (amount.percent == 0) return amount.bytes == 0 ? kNoLimit : amount.bytes;
  if (whole == kNoLimit) return kNoLimit;
  // In this order it cannot overflow, and what is lost are bytes.
  return whole / 100 * amount.percent + whole % 100 * amount.percent / 100;
}

SPANHEAP_AT_START SoftLimit SoftLimitFor(uint64_t limit) {
  if (limit == kNoLimit) return {};
  const uint64_t target = limit - HeadroomFor(limit);
  return {target, std::min(target, limit - limit / 20)};
}

uint64_t ReleaseAtAllocation(uint64_t counted, uint64_t target, uint64_t growth) {
  if (counted <= target) return 0;
  // A little more than what is too much, so that the next allocations need not do the same.
  const uint64_t wanted = counted - target + std::min(target / 128, 4 * kMiB);
  return std::min(wanted, std::max(growth, kMostReleasePerCall));
}

Patience PatienceAfter(uint64_t counted, uint64_t target, uint64_t now_ns) {
  const uint64_t step = std::max(target / 256, kMiB / 4);
  return {counted + step, now_ns + kPatience_ns};
}

uint64_t RestAfterSearch_ns(uint64_t search_ns) {
  constexpr uint64_t kMost_ns = 100'000'000;
  return search_ns > kMost_ns / 4 ? kMost_ns : 4 * search_ns;
}

uint64_t AboveFloor(uint64_t wanted, uint64_t counted, uint64_t floor) {
  return counted <= floor ? 0 : std::min(wanted, counted - floor);
}

}  // namespace spanheap::policy
