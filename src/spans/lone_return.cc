// SPDX-License-Identifier: MIT
#include "spans/lone_return.h"

#include "spans/scattered.h"

namespace spanheap {
namespace {

// With more records than this (128 KiB) they do not all stay in the processor's nearer caches, and
// it pays to ask for them ahead.
constexpr uint32_t kManyRecords = 2048;
constexpr uint32_t kAhead = 8;
// Some slots of one bitmap word, on their way out.
struct OpenWord {
  uint32_t index;
  uint64_t mask;
};

constexpr uint64_t BitOf(uint32_t slot) { return uint64_t{1} << (slot % 64); }

}  // namespace

SPANHEAP_ALWAYS_INLINE Span& LoneReturn::Open(const void* block) const {
  Span& span = heap_.SpanOfBlock(block);
  if (span.malloc_class != malloc_class_) [[unlikely]]
    heap_.FailMisaligned(block, call_);
  return span;
}

SPANHEAP_ALWAYS_INLINE uint32_t LoneReturn::SlotOf(const void* block, size_t offset) const {
  const uint32_t slot = SlotAt(static_cast<uint32_t>(offset), geometry_.magic);
  if (size_t{slot} * geometry_.block_bytes != offset || slot >= geometry_.slots) [[unlikely]]
    heap_.FailMisaligned(block, call_);
  return slot;
}

void LoneReturn::Return(void* const* blocks, uint32_t n) {
  if (IsScattered(blocks, n)) {
    ReturnScattered(blocks, n);
  } else {
    ReturnInOrder(blocks, n);
  }
}

void LoneReturn::ReturnInOrder(void* const* blocks, uint32_t n) {
  for (uint32_t done = 0; done < n;) {
    Span& span = Open(blocks[done]);
    const uint32_t some = ClearNeighbours(span, blocks + done, n - done);
    heap_.NoteReturned(span, some, malloc_class_, cache_);
    done += some;
  }
}

uint32_t LoneReturn::ClearNeighbours(Span& span, void* const* blocks, uint32_t n) {
  const ClassGeometry geometry = geometry_;
  const Address start = heap_.pages().AddressOf(span.first);
  size_t offset = (AddressOf(blocks[0]) - start).value;
  uint32_t i = 0;
  OpenWord open{SlotOf(blocks[0], offset) / 64, 0};
  do {
    const uint32_t slot = SlotAt(static_cast<uint32_t>(offset), geometry.magic);
    if (size_t{slot} * geometry.block_bytes != offset) [[unlikely]]
      heap_.FailMisaligned(blocks[i], call_);
    if (slot / 64 != open.index) {
      heap_.ClearSlots(span, open.index, open.mask, call_);
      open = {slot / 64, 0};
    }
    if ((open.mask & BitOf(slot)) != 0) [[unlikely]]
      heap_.FailDoubleFree(blocks[i], call_);
    open.mask |= BitOf(slot);
    if (++i == n) break;
    offset = (AddressOf(blocks[i]) - start).value;
  } while (offset < size_t{geometry.slots} * geometry.block_bytes);
  heap_.ClearSlots(span, open.index, open.mask, call_);
  return i;
}

void LoneReturn::ReturnScattered(void* const* blocks, uint32_t n) {
  // With few records nothing is to be asked for ahead.
  const uint32_t until = heap_.table().end() > kManyRecords ? n : 0;
  for (uint32_t i = 0; i < n; ++i) {
    if (i + kAhead < until) __builtin_prefetch(&heap_.SpanOfBlock(blocks[i + kAhead]), 1);
    const void* const block = blocks[i];
    Span& span = Open(block);
    const Address start = heap_.pages().AddressOf(span.first);
    const uint32_t slot = SlotOf(block, (AddressOf(block) - start).value);
    Atomic<uint64_t>& word = span.bits[slot / 64];
    const uint64_t before = word.LoadRelaxed();  // relaxed: this is the only thread
    if ((before & BitOf(slot)) == 0) [[unlikely]]
      heap_.FailDoubleFree(block, call_);
    word.StoreRelaxed(before & ~BitOf(slot));
    if (!span.ownership.TryReturnOneAlone(geometry_.slots)) [[unlikely]]
      heap_.NoteReturned(span, 1, malloc_class_, cache_);
  }
}

}  // namespace spanheap
