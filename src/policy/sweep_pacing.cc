// SPDX-License-Identifier: MIT
#include "policy/sweep_pacing.h"

#include <algorithm>
#include <utility>

#include "policy/memory_limit.h"

namespace spanheap::policy {
namespace {

// Sweeping is to be over that long before the trigger.
constexpr uint64_t kMargin = uint64_t{1} << 20;
constexpr uint64_t kLeastDistance = 8192;

// Kept below a limit, in hundredths of the goal, and at least so many bytes.
constexpr uint64_t kHeadroomPercent = 2;
constexpr uint64_t kLeastHeadroom = uint64_t{1} << 20;

}  // namespace

SweepPace PlanSweep(uint64_t pages_in_use, uint64_t pages_swept, uint64_t trigger, uint64_t live) {
  SweepPace pace{0, live, pages_swept};
  if (pages_in_use <= pages_swept) return pace;
  const uint64_t end = trigger > kMargin ? trigger - kMargin : 0;
  const uint64_t distance = std::max(end > live ? end - live : 0, kLeastDistance);
  pace.pages_per_byte =
      static_cast<double>(pages_in_use - pages_swept) / static_cast<double>(distance);
  return pace;
}

uint64_t PagesToSweep(const SweepPace& pace, uint64_t live, uint64_t bytes, uint64_t pages_swept) {
  if (pace.pages_per_byte == 0) return 0;
  const uint64_t grown = live > pace.basis_live ? live - pace.basis_live : 0;
  const auto target =
      static_cast<int64_t>(pace.pages_per_byte * static_cast<double>(grown + bytes));
  const auto done = static_cast<int64_t>(pages_swept - pace.basis_swept);
  return target > done ? static_cast<uint64_t>(target - done) : 0;
}

uint64_t WastedAfter(const SlotsLeft& left) {
  constexpr uint64_t kFewer = 4;  // more: a heap that has changed is used sooner, and missed more
  const uint64_t wasted =
      left.grown > 0 ? left.wasted + left.grown : left.wasted - left.wasted / kFewer;
  return std::min(wasted, left.free);
}

uint64_t FillableBytes(uint64_t span_bytes, uint64_t object_bytes, uint64_t wasted) {
  const uint64_t taken = object_bytes + wasted;
  return span_bytes > taken ? span_bytes - taken : 0;
}

uint64_t LimitGoal(const LimitedHeap& heap, uint64_t limit) {
  if (limit == ~uint64_t{0}) return limit;
  const uint64_t used = heap.mapped - heap.heap_free;
  uint64_t room = 0;
  if (used <= limit) {
    room = heap.heap_alloc + heap.fillable + (limit - used);
    room -= std::min(room, heap.mapped - std::min(heap.mapped, limit));
  } else if (heap.grown <= kLeastHeadroom) {
    // Too much is used, but objects can take free slots at no cost.
    room = heap.heap_alloc + heap.fillable;
  }
  const uint64_t headroom = std::max(room / 100 * kHeadroomPercent, kLeastHeadroom);
  const uint64_t goal = room < 2 * headroom ? headroom : room - headroom;
  return std::max(goal, heap.marked);
}

uint64_t HardLimitGoal(LimitedHeap heap, uint64_t limit) {
  heap.mapped -= std::exchange(heap.heap_free, 0);
  return LimitGoal(heap, SoftLimitFor(limit).target);
}

}  // namespace spanheap::policy
