// SPDX-License-Identifier: MIT
//
// SpanHeap's dealings with the shelf: which blocks wait there, and how they go back.
#include "spans/scattered.h"
#include "spans/span_heap.h"

namespace spanheap {
namespace {

// Of a class with more bytes of spans than this, batches of scattered blocks are not shelved.
constexpr Bytes kMaxScattered = 8_MiB;

}  // namespace

bool SpanHeap::Shelve(unsigned malloc_class, void* const* blocks, uint32_t n) {
  // Blocks that lie apart are worth more in address order if they cannot all wait here: what is
  // allocated together next lies together then.
  const Pages pages = Pages(static_cast<uint32_t>(span_count(malloc_class))) *
                      kMallocClasses[malloc_class].span_pages;
  if (BytesOf(pages) > kMaxScattered && IsScattered(blocks, n)) return false;
  return shelf_.Keep(malloc_class, blocks, n);
}

// Blocks that waited on the shelf go back to their spans.
uint32_t SpanHeap::Unshelve(unsigned malloc_class, PageCache& cache) {
  void* blocks[kMaxBatch];
  const uint32_t n = shelf_.TakeOldest(malloc_class, blocks);
  if (n != 0) ReturnSlots(malloc_class, blocks, n, cache, "free");
  return n;
}

bool SpanHeap::GiveUpShelf() {
  if (shelf_.is_empty()) return false;
  PageCache cache;
  bool any = false;
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    // What others add meanwhile is theirs to give up.
    for (uint64_t left = shelf_.blocks(c); left != 0;) {
      const uint32_t n = Unshelve(c, cache);
      if (n == 0) break;
      any = true;
      left -= n < left ? n : left;
    }
  }
  pages_.Flush(cache);
  return any;
}

bool SpanHeap::GiveUpIdleShelf() {
  if (shelf_.is_empty()) {
    shelf_.GiveBackRecords();
    return false;
  }
  PageCache cache;
  bool any = false;
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    for (uint64_t idle = shelf_.TakeIdleCount(c); idle != 0;) {
      const uint32_t n = Unshelve(c, cache);
      if (n == 0) break;
      any = true;
      idle -= n < idle ? n : idle;
    }
  }
  pages_.Flush(cache);
  return any;
}

}  // namespace spanheap
