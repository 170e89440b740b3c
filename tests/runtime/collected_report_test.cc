// SPDX-License-Identifier: MIT
//
// The collected heap in the report: its rows add up, and they tell what the program made.
#include "observe/collected_report.h"

#include <gtest/gtest.h>

#include <memory>

#include "observe/heap_report.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

constexpr uint64_t kBothWords = 3;
sh_layout pair_layout = {16, SH_SCAN_PRECISE, 0, &kBothWords, nullptr, nullptr, "pair", 0, 0};
sh_layout bytes_layout = {1, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "bytes", 0, 0};

std::unique_ptr<HeapReport> Read() {
  auto report = std::make_unique<HeapReport>();
  heap::ReadReport(*report);
  return report;
}

const CollectedClassReport& RowOf(const HeapReport& report, uint64_t bytes, bool pointers) {
  static const CollectedClassReport none;
  for (const CollectedClassReport& row : report.collected.classes) {
    if (row.spans != 0 && row.block_bytes == bytes && (row.has_pointers != 0) == pointers) {
      return row;
    }
  }
  return none;
}

// Objects of one kind, chained to each other so that the last keeps all, or kept in an array.
class CollectedReportTest : public testing::Test {
 protected:
  CollectedHeap& heap_ = *CollectedHeap::Get();
  void** const root_ = heap_.roots.Take();
  ~CollectedReportTest() override {
    detail::StorePointer(root_, nullptr);
    heap_.roots.Put(root_);
  }
};

TEST_F(CollectedReportTest, TheRowsAddUpToTheCategory) {
  for (int i = 0; i < 5000; ++i) heap_.New(pair_layout, 1 + static_cast<size_t>(i) % 90);
  heap_.New(bytes_layout, 200'000);
  for (const bool collects : {false, true}) {
    if (collects) heap_.Collect();
    const auto report = Read();
    uint64_t sum = 0;
    uint64_t spans = 0;
    for (unsigned i = 0; i < report->collected.class_count; ++i) {
      const CollectedClassReport& row = report->collected.classes[i];
      sum += row.span_bytes;
      spans += row.spans;
      const uint64_t objects =
          row.live_objects + row.dead_objects + row.cached_objects + row.free_objects;
      EXPECT_LE(objects * row.block_bytes, row.span_bytes);
      EXPECT_LE(row.span_bytes - objects * row.block_bytes, row.span_bytes / 8 + row.live_bytes);
    }
    EXPECT_EQ(sum, report->collected_bytes);
    EXPECT_EQ(spans, report->collected_spans);
    EXPECT_TRUE(report->AddsUp());
  }
}

TEST_F(CollectedReportTest, CountsWhatLivesBySizeAndByPointers) {
  constexpr uint64_t kObjects = 3000;
  heap_.Collect();
  const auto before = Read();
  void** head = nullptr;
  for (uint64_t i = 0; i < kObjects; ++i) {
    auto* const node = static_cast<void**>(heap_.New(pair_layout, 1));
    detail::StorePointer(node, head);
    head = node;
  }
  detail::StorePointer(root_, head);
  void* const large = heap_.New(bytes_layout, 300'000);
  heap_.Collect();
  const auto after = Read();
  const uint64_t pairs = RowOf(*after, 16, true).live_objects;
  EXPECT_GE(pairs, kObjects);
  EXPECT_LE(pairs, RowOf(*before, 16, true).live_objects + kObjects);
  EXPECT_GE(RowOf(*after, 0, false).live_objects, 1U);
  EXPECT_GE(RowOf(*after, 0, false).live_bytes, 300'000U);
  EXPECT_GE(after->collected.marked_bytes, kObjects * 16 + 300'000);
  EXPECT_EQ(after->collected.cycles, before->collected.cycles + 1);
  EXPECT_EQ(after->collected.forced_cycles, before->collected.forced_cycles + 1);
  EXPECT_EQ(after->collected.unswept_spans, 0U);
  EXPECT_GT(after->collected.goal_bytes, after->collected.marked_bytes);
  EXPECT_GT(after->collected.last_mark_ns, 0U);
  EXPECT_GE(after->collected.stop_max_ns, after->collected.last_stop1_ns);
  EXPECT_EQ(heap_.BaseOf(large), large);
  uint64_t stops = 0;
  for (const uint64_t count : after->collected.stop_times) stops += count;
  EXPECT_EQ(stops, after->collected.stops);
}

}  // namespace
}  // namespace spanheap
