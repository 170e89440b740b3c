// SPDX-License-Identifier: MIT
#include "runtime/touch_thread.h"

#include <gtest/gtest.h>

#include "os/clock.h"
#include "os/fake_memory.h"
#include "os/futex.h"
#include "runtime/heap_section.h"

namespace spanheap {
namespace {

constexpr Pages kUnit{256};

// A growing heap of its own. The thread never ends, so this is never destroyed.
struct Growing {
  Growing() : touches(heap) {
    huge.Init(memory, {BytesOf(kUnit), os::HugePageSettings::Use::kOnAdvice},
              [] { return uint64_t{1'000'000'000}; });
    PageHeapOptions options;
    options.huge_page = BytesOf(kUnit);
    options.huge_pages = &huge;
    cache.SetAhead();
    is_ready = heap.Init(memory, options);
  }

  os::FakeMemory memory{os::FakeMemory::Backing::kKernel};
  HugePages huge;
  PageHeap heap;
  PageCache cache;
  TouchThread touches;
  bool is_ready = false;
};

TEST(TouchThreadTest, TouchesHugePagesThatTheHeapGrowsInto) {
  auto& growing = *new Growing;
  ASSERT_TRUE(growing.is_ready);
  constexpr uint64_t kLongest_ns = 20'000'000'000;
  const uint64_t end_ns = os::MonotonicNow_ns() + kLongest_ns;
  while (growing.huge.advised() < Bytes(4 * BytesOf(kUnit).value)) {
    ASSERT_LT(os::MonotonicNow_ns(), end_ns);
    {
      const HeapSection section;
      ASSERT_TRUE(growing.heap.AllocateFrom(growing.cache, kPagesPerWord));
    }
    growing.touches.Notice();
    if (growing.heap.grown_bytes() > (16_MiB).value) os::SleepFor_ns(1'000'000);
  }
}

}  // namespace
}  // namespace spanheap
