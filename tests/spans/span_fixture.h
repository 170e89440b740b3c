// SPDX-License-Identifier: MIT
//
// A SpanHeap on memory of its own, and the check that everything came back to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "os/fake_memory.h"
#include "spans/span_heap.h"

namespace spanheap {

class SpanFixture {
 public:
  SpanFixture() {
    metadata_.Init(memory_);
    PageHeapOptions options;
    options.reserve = 4_GiB;
    options.os_page = os::PageSize();
    EXPECT_TRUE(pages_.Init(memory_, options));
    EXPECT_TRUE(spans_.Init(memory_, metadata_, {1 << 16}));
  }

  SpanHeap& spans() { return spans_; }
  PageHeap& pages() { return pages_; }
  os::FakeMemory& memory() { return memory_; }

  // Used slots of all classes, after every structure was checked.
  uint64_t VerifiedUse() {
    uint64_t used[kMallocClassCount] = {};
    spans_.Verify(used);
    pages_.Verify();
    uint64_t sum = 0;
    for (const uint64_t n : used) sum += n;
    return sum;
  }
  // All blocks were returned and all page caches flushed.
  void ExpectEmpty() {
    spans_.GiveUpSpares();
    EXPECT_EQ(VerifiedUse(), 0U);
    EXPECT_EQ(pages_.ReadStats().used, 0U);
    EXPECT_EQ(spans_.small_bytes(), 0U);
    for (unsigned c = 1; c <= kSmallClasses; ++c) EXPECT_EQ(spans_.span_count(c), 0U) << c;
  }

 private:
  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  MetadataArena metadata_;
  PageHeap pages_;
  SpanLists lists_;
  SpanHeap spans_{pages_, lists_};
};

}  // namespace spanheap
