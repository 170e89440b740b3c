// SPDX-License-Identifier: MIT
#include "spans/return_batch.h"

#include "base/fatal.h"

namespace spanheap {
namespace {

// Fibonacci hashing: neighbours in number end far apart.
uint32_t Hash(uint64_t key) { return static_cast<uint32_t>((key * 0x9E3779B97F4A7C15ULL) >> 40); }

}  // namespace

void ReturnBatch::Sort(void* const* blocks, uint32_t n) {
  FindSpans(blocks, n);
  for (uint32_t i = 0; i < n; ++i) Add(spans_[i], AddressOf(blocks[i]));
}

void ReturnBatch::FindSpans(void* const* blocks, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) {
    const PageIndex page = pages_.IndexOf(AddressOf(blocks[i]));
    // Relaxed: the block is live, so its span was published to this thread with the block.
    spans_[i] = pages_.tables().span_of[page.value].LoadRelaxed();
    __builtin_prefetch(&heap_.table().At(spans_[i]), 1);
  }
}

void ReturnBatch::Add(uint32_t span_index, Address block) {
  const Span& span = heap_.table().At(span_index);
  const uint32_t slot = SlotOf(span, block);
  Group& group = GroupFor(span_index, slot / 64);
  const uint64_t bit = uint64_t{1} << (slot % 64);
  if ((group.mask & bit) != 0) FatalDoubleFree(call_, block, heap_.FactsOf(block));
  group.mask |= bit;
}

uint32_t ReturnBatch::SlotOf(const Span& span, Address block) const {
  const auto offset = static_cast<uint32_t>((block - pages_.AddressOf(span.first)).value);
  const uint32_t slot = SlotAt(offset, span.magic);
  if (slot * span.block_bytes != offset || slot >= span.slots || span.malloc_class != malloc_class_)
      [[unlikely]] {
    FailMisaligned(block);
  }
  return slot;
}

ReturnBatch::Group& ReturnBatch::GroupFor(uint32_t span_index, uint32_t word) {
  uint32_t at = Hash(uint64_t{span_index} << 8 | word) & kMask;
  for (; index_[at] != 0; at = (at + 1) & kMask) {
    Group& group = groups_[index_[at] - 1];
    if (group.span == span_index && group.word == word) return group;
  }
  uint32_t chain = Hash(span_index) & kMask;
  while (latest_[chain] != 0 && groups_[latest_[chain] - 1].span != span_index) {
    chain = (chain + 1) & kMask;
  }
  const uint8_t earlier = latest_[chain];
  if (earlier != 0) groups_[earlier - 1].latest = false;
  groups_[group_count_] = {span_index, word, 0, earlier, true};
  __builtin_prefetch(&heap_.table().At(span_index).bits[word], 1);
  const auto number = static_cast<uint8_t>(++group_count_);
  index_[at] = latest_[chain] = number;
  return groups_[number - 1];
}

void ReturnBatch::FailMisaligned(Address block) const {
  FatalMisalignedFree(call_, block, heap_.FactsOf(block));
}

}  // namespace spanheap
