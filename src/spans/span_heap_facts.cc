// SPDX-License-Identifier: MIT
//
// What SpanHeap knows of an address that a program should not have given it, and the ends of such
// programs. Nothing here is in a hurry.
#include <bit>

#include "base/fatal.h"
#include "spans/span_heap.h"

namespace spanheap {

BlockFacts SpanHeap::FactsOf(Address p) const {
  if (!pages_.Contains(p)) return {};
  const Span* span = SpanOf(p);
  if (span == nullptr) return FactsOfRun(pages_.IndexOf(p));
  return {Bytes(span->block_bytes), pages_.AddressOf(span->first), Pages(span->pages)};
}

// Only the first page of a run tells. Goes back to it.
BlockFacts SpanHeap::FactsOfRun(PageIndex page) const {
  constexpr Pages kMost = RunPages(kMallocClassCount - 1);
  for (PageIndex first = page; page - first < kMost; first -= Pages(1)) {
    const Address start = pages_.AddressOf(first);
    if (!pages_.Contains(start) || pages_.IndexOf(start) != first) break;  // between two arenas
    const unsigned c = pages_.tables().class_of[first.value].LoadAcquire();
    if (c == 0) continue;
    if (!IsRunClass(c) || page - first >= RunPages(c)) break;
    return {Bytes(BlockBytes(c)), start, RunPages(c)};
  }
  return {};
}

bool SpanHeap::FindFormer(Address p, BlockFacts& facts) const {
  const PageIndex page = pages_.IndexOf(p);
  const FormerBlock former(pages_.tables().span_of[page.value].LoadAcquire());
  if (!former) return false;
  const Address start = pages_.AddressOf(page - former.to_first());
  facts = {former.block_bytes(), start, former.pages()};
  return (p - start).value % facts.class_size.value == 0;
}

void SpanHeap::FailDoubleFree(const void* block, const char* call) const {
  FatalDoubleFree(call, AddressOf(block), FactsOf(AddressOf(block)));
}

void SpanHeap::FailTwice(const Span& span, uint32_t word, uint64_t twice, const char* call) const {
  const uint32_t slot = word * 64 + static_cast<uint32_t>(std::countr_zero(twice));
  const Address block = pages_.AddressOf(span.first) + Bytes(size_t{slot} * span.block_bytes);
  FatalDoubleFree(call, block, FactsOf(block));
}

void SpanHeap::FailMisaligned(const void* block, const char* call) const {
  const Address p = AddressOf(block);
  BlockFacts facts = FactsOf(p);
  if (facts.class_size == Bytes(0) && FindFormer(p, facts)) FatalDoubleFree(call, p, facts);
  FatalMisalignedFree(call, p, facts);
}

// At verify level 2, where no thread's bin holds blocks: a clear bit is a block that was freed.
void SpanHeap::CheckLive(unsigned malloc_class, const void* block, const char* call) const {
  if (IsRunClass(malloc_class)) {
    if (AddressOf(block).value % kPageSize.value != 0) FailMisaligned(block, call);
    return;
  }
  const Span& span = SpanOfBlock(block);
  const uint32_t slot = SlotOf(span, malloc_class, block, call);
  const uint64_t bit = uint64_t{1} << (slot % 64);
  if ((span.bits[slot / 64].LoadAcquire() & bit) == 0) FailDoubleFree(block, call);
}

}  // namespace spanheap
