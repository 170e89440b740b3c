// SPDX-License-Identifier: MIT
#include "pages/page_cache.h"

#include "base/bits.h"
#include "base/count_ones.h"
#include "base/fatal.h"
#include "pages/page_bitmap.h"

namespace spanheap {

PageRun PageCache::Allocate(Pages n) {
  const uint64_t free = free_bits();
  if (n.value > kPagesPerWord.value) return {};
  const unsigned at = FindRunOfOnes(free, n.value);
  if (at >= kPagesPerWord.value) return {};
  const uint64_t mask = BitRange(at, n.value);
  const uint64_t scavenged = scavenged_bits();
  PageRun run;
  run.first = base_ + Pages(at);
  run.count = n;
  run.scavenged = Pages(CountOnes(scavenged & mask));
  run.zeroed = (zeroed_ & mask) == mask;
  // Relaxed: the owner is the only writer.
  free_.StoreRelaxed(free & ~mask);
  scavenged_.StoreRelaxed(scavenged & ~mask);
  zeroed_ &= ~mask;
  return run;
}

bool PageCache::Free(PageIndex first, Pages n) {
  const uint32_t offset = first.value - base_.value;  // wraps for pages below the block
  if (base_.value == 0 || offset >= kPagesPerWord.value) return false;
  if (n.value > kPagesPerWord.value - offset) return false;
  const uint64_t mask = BitRange(offset, n.value);
  const uint64_t free = free_bits();
  if ((free & mask) != 0) [[unlikely]]
    FatalFreeOfFreePages(first, n);
  free_.StoreRelaxed(free | mask);  // relaxed: as above
  return true;
}

void PageCache::Fill(const PageBlock& block) {
  base_ = block.base;
  // Relaxed: as above.
  free_.StoreRelaxed(block.free);
  scavenged_.StoreRelaxed(block.scavenged);
  zeroed_ = block.zeroed;
}

PageBlock PageCache::Drain() {
  const PageBlock block{base_, free_bits(), scavenged_bits(), zeroed_};
  Fill(PageBlock{});
  return block;
}

}  // namespace spanheap
