// SPDX-License-Identifier: MIT
#include "runtime/touch_thread.h"

#include <gtest/gtest.h>

#include "collect/heap_state.h"
#include "os/clock.h"
#include "os/fake_memory.h"
#include "os/futex.h"
#include "runtime/heap_section.h"

namespace spanheap {
namespace {

constexpr Pages kUnit{256};

// A growing heap of its own. The thread never ends, so this is never destroyed.
struct Growing {
  Growing() : touches(heap, state) {
    huge.Init(memory, {BytesOf(kUnit), os::HugePageSettings::Use::kOnAdvice},
              [] { return uint64_t{1'000'000'000}; });
    PageHeapOptions options;
    options.huge_page = BytesOf(kUnit);
    options.huge_pages = &huge;
    cache.SetAhead();
    const HeapSection section;
    is_ready = heap.Init(memory, options);
  }

  bool Grow(uint64_t nap_ns = 1'000'000) {
    {
      const HeapSection section;
      if (!heap.AllocateFrom(cache, kPagesPerWord)) return false;
    }
    touches.Notice();
    if (heap.grown_bytes() > (16_MiB).value) os::SleepFor_ns(nap_ns);
    return true;
  }
  // Until so many huge pages were touched; more slowly in time, for on a busy machine the thread
  // comes late.
  void GrowFor(unsigned units) {
    const Bytes wanted(units * BytesOf(kUnit).value);
    constexpr uint64_t kLongest_ns = 60'000'000'000;
    const uint64_t begin_ns = os::MonotonicNow_ns();
    while (huge.advised() < wanted) {
      const uint64_t passed_ns = os::MonotonicNow_ns() - begin_ns;
      ASSERT_LT(passed_ns, kLongest_ns);
      ASSERT_TRUE(Grow(1'000'000 + passed_ns / 200));
    }
  }

  os::FakeMemory memory{os::FakeMemory::Backing::kKernel};
  HugePages huge;
  PageHeap heap;
  PageCache cache;
  collected::HeapState state;
  TouchThread touches;
  bool is_ready = false;
};

TEST(TouchThreadTest, TouchesHugePagesThatTheHeapGrowsInto) {
  auto& growing = *new Growing;
  ASSERT_TRUE(growing.is_ready);
  growing.GrowFor(4);
}

TEST(TouchThreadTest, RestsWhileMarking) {
  auto& growing = *new Growing;
  ASSERT_TRUE(growing.is_ready);
  growing.state.phase.StoreRelease(collected::Phase::kMark);
  while (growing.heap.grown_bytes() < (96_MiB).value) ASSERT_TRUE(growing.Grow());
  EXPECT_EQ(growing.huge.advised(), Bytes(0));
  growing.state.phase.StoreRelease(collected::Phase::kOff);
  growing.GrowFor(1);
}

}  // namespace
}  // namespace spanheap
