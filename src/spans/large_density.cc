// SPDX-License-Identifier: MIT
#include "spans/large_density.h"

#include "base/bits.h"

namespace spanheap {
namespace {

constexpr size_t kLooks = 32;
// A block's last pages are often those that nobody has come to yet.
constexpr size_t kUntouchedAllowed = 1;

}  // namespace

// Relaxed throughout: hints, each for itself.
bool LargeDensity::IsNextDense() {
  if (is_dense_.LoadRelaxed() == 0) return false;
  return huge_blocks_.FetchAddRelaxed(1) % kBlocksPerSample != kBlocksPerSample - 1;
}

void LargeDensity::Note(os::Memory& memory, Address start, Bytes size, bool is_huge) {
  const Bytes page = os::PageSize();
  const Bytes between(RoundDown(size.value / kLooks, page.value));
  if (between.value == 0) return;
  size_t untouched = 0;
  for (size_t i = 0; i < kLooks; ++i) {
    const Address look = start + between * i + (between - page);
    untouched += memory.ResidentIn(look, page) == page ? 0 : 1;
  }
  const bool is_dense = untouched <= kUntouchedAllowed;
  if (is_dense && is_huge) return;
  is_dense_.StoreRelaxed(is_dense ? 1 : 0);
}

}  // namespace spanheap
