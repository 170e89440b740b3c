// SPDX-License-Identifier: MIT
#include "spans/return_batch.h"

#include <cstring>

#include "base/fatal.h"

namespace spanheap {
namespace {

// Fibonacci hashing: neighbours in number end far apart.
uint32_t Hash(uint64_t key) { return static_cast<uint32_t>((key * 0x9E3779B97F4A7C15ULL) >> 40); }

}  // namespace

void ReturnBatch::Locate(void* const* blocks, uint32_t n) {
  n_ = n;
  for (uint32_t i = 0; i < n; ++i) {
    const Span& span = heap_.SpanOfBlock(blocks[i]);
    spans_[i] = heap_.table().IndexOf(&span);
    __builtin_prefetch(&span, 1);
  }
  for (uint32_t i = 0; i < n; ++i) {
    const Span& span = heap_.table().At(spans_[i]);
    slots_[i] = heap_.SlotOf(span, malloc_class_, blocks[i], call_);
    __builtin_prefetch(&span.bits[slots_[i] / 64], 1);
  }
}

void ReturnBatch::Sort(void* const* blocks) {
  memset(by_word_, 0, sizeof by_word_);
  memset(by_span_, 0, sizeof by_span_);
  for (uint32_t i = 0; i < n_; ++i) {
    Group& group = GroupFor(spans_[i], slots_[i] / 64);
    const uint64_t bit = uint64_t{1} << (slots_[i] % 64);
    if ((group.mask & bit) != 0) {
      FatalDoubleFree(call_, AddressOf(blocks[i]), heap_.FactsOf(AddressOf(blocks[i])));
    }
    group.mask |= bit;
    ++group.count;
  }
}

ReturnBatch::Group& ReturnBatch::GroupFor(uint32_t span_index, uint32_t word) {
  if (group_count_ > 0) {
    Group& last = groups_[group_count_ - 1];
    if (last.span == span_index && last.word == word) return last;
  }
  uint32_t at = Hash(uint64_t{span_index} << 8 | word) & kMask;
  for (; by_word_[at] != 0; at = (at + 1) & kMask) {
    Group& group = groups_[by_word_[at] - 1];
    if (group.span == span_index && group.word == word) return group;
  }
  Group& group = NewGroup(span_index, word);
  by_word_[at] = static_cast<uint8_t>(group_count_);
  return group;
}

ReturnBatch::Group& ReturnBatch::NewGroup(uint32_t span_index, uint32_t word) {
  uint32_t at = Hash(span_index) & kMask;
  while (by_span_[at] != 0 && groups_[by_span_[at] - 1].span != span_index) at = (at + 1) & kMask;
  const uint8_t earlier = by_span_[at];
  if (earlier != 0) groups_[earlier - 1].latest = false;
  Group& group = groups_[group_count_++];
  group = {span_index, word, 0, 0, earlier, true};
  by_span_[at] = static_cast<uint8_t>(group_count_);
  return group;
}

}  // namespace spanheap
