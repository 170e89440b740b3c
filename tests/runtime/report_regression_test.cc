// SPDX-License-Identifier: MIT
//
// Reports read while other threads allocate, free, pass blocks on and end: no figure below zero,
// and the categories add up all the same.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "observe/heap_report.h"
#include "runtime/heap.h"
#include "runtime/heap_inl.h"

namespace spanheap {
namespace {

std::atomic<bool> is_over{false};
std::atomic<void*> passed_on{nullptr};

// As a face does: the fast path first, in which nobody waits for anybody.
void* Take(size_t n) {
  void* p = heap::TryAllocateFast(n);
  return p != nullptr ? p : heap::Allocate(n);
}
void Give(void* p) {
  if (!heap::TryFreeFast(p)) heap::Free(p, "free");
}

// Few blocks of this size are ever out, and they change hands all the time.
void PassOn() {
  while (!is_over.load(std::memory_order_relaxed)) {
    Give(passed_on.exchange(Take(5000)));
  }
}

// Takes and gives back whole spans: nearly every call is a slow path.
void Swing() {
  std::vector<void*> blocks(500);
  while (!is_over.load(std::memory_order_relaxed)) {
    for (void*& p : blocks) p = Take(20000);
    for (void* p : blocks) Give(p);
    Give(Take(600000));
  }
}

void ExpectSound(const HeapReport& report) {
  const uint64_t bound = report.mapped_bytes;
  EXPECT_LE(report.live_bytes, bound);
  EXPECT_LE(report.free_in_spans_bytes, bound);
  EXPECT_LE(report.thread_cache_bytes, bound);
  EXPECT_LE(report.page_cache_bytes, bound);
  EXPECT_TRUE(report.AddsUp());
  for (unsigned i = 0; i < report.class_count; ++i) {
    EXPECT_LE(report.classes[i].live_blocks, bound) << i;
    EXPECT_LE(report.classes[i].free_blocks, bound) << i;
    EXPECT_LE(report.classes[i].spans, bound) << i;
  }
}

TEST(ReportRegressionTest, LiveReportsAddUp) {
  ASSERT_TRUE(heap::Start());
  is_over = false;
  std::thread threads[] = {std::thread(PassOn), std::thread(PassOn), std::thread(Swing),
                           std::thread(Swing),  std::thread(Swing),  std::thread(Swing)};
  HeapReport report;
  for (int i = 0; i < 5000 && !HasFailure(); ++i) {
    heap::ReadReport(report);
    ExpectSound(report);
    if (i % 50 == 0) std::thread([] { Give(Take(77)); }).join();
  }
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  Give(passed_on.exchange(nullptr));
  heap::ReadReport(report);
  ExpectSound(report);
}

}  // namespace
}  // namespace spanheap
