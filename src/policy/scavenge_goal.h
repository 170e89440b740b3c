// SPDX-License-Identifier: MIT
//
// ScavengeGoal: how much memory the heap may keep backed, from what it has used lately.
//
// Idea.       What was in use a moment ago will likely be in use again: the goal is the peak of
//             use, which decays toward the use now, plus the swing, at most a tenth: what was taken
//             and freed again between two looks, which the peak does not see. While use swings by
//             less than a quarter both decay slowly; after a larger fall they decay fast, and whole
//             huge pages need not wait for the end of their generation: that memory was a spike. A
//             use that has not moved for a second is a program that rests, or lives off its thread
//             caches: then, too, they decay fast.
// Picture.    use  ___/\_____            peak  ___/``\.____     goal = peak + swing
// Invariants. peak >= use. The goal never lies below the use it was last told.
// Threads.    The caller's. Reads no clock and no heap: numbers in, numbers out.
// Go.         gcPercentGoal in mgcscavenge.go; there the peak is that of a collection cycle.
// Tests.      tests/policy/scavenge_goal_test.cc.
#pragma once

#include <cstdint>

namespace spanheap {

class ScavengeGoal {
 public:
  // Pages freed in one generation are given back in the next at the earliest. Longer: fewer pages
  // come back by a fault; shorter: memory is back sooner.
  static constexpr uint64_t kGeneration_ns = 500'000'000;
  // After a fall things go twice as fast.
  static constexpr uint64_t kGenerationAfterFall_ns = kGeneration_ns / 2;
  // The peak's distance from the use halves in this time. A swing with a period below it hardly
  // moves the goal.
  static constexpr uint64_t kHalfLife_ns = 2'000'000'000;
  static constexpr uint64_t kHalfLifeAfterFall_ns = 100'000'000;
  // A heap above its goal by a 64th of its use, or by so much, is worth a system call.
  static constexpr uint64_t kLeastExcess = 256 << 10;
  // Use that stays the same for so long is still. While it is, so little is worth one.
  static constexpr uint64_t kStill_ns = 1'000'000'000;
  static constexpr uint64_t kLeastExcessWhenStill = 32 << 10;

  // What is in use now, and how much more was at times since the last call; in bytes. Times never
  // go back.
  void Observe(uint64_t now_ns, uint64_t in_use, uint64_t swing);

  // Bytes the heap may keep backed.
  uint64_t bytes() const {
    const uint64_t wanted = peak_ + (swing_ < peak_ / 10 ? swing_ : peak_ / 10);
    return wanted > floor_ ? wanted : floor_;
  }
  // So much may always stay backed.
  void SetFloor(uint64_t bytes) { floor_ = bytes; }
  uint64_t floor() const { return floor_; }
  uint64_t peak() const { return peak_; }
  // Use fell by more than a quarter below the peak, and the peak has not come down to it yet.
  bool has_fallen() const { return has_fallen_; }
  bool is_still() const { return seen_ns_ - moved_ns_ >= kStill_ns; }
  // What is above the goal when so much is backed; 0 if it is not worth while.
  uint64_t Excess(uint64_t retained) const;
  // True once for each generation that has passed by the last Observe.
  bool TakeGeneration();
  // The peak has come down to the use: without news the goal stays where it is.
  bool is_settled() const { return peak_ - in_use_ <= in_use_ / 64 + kLeastExcess; }

 private:
  friend struct RootRecord;     // its layout is described to tools
  uint64_t seen_ns_ = 0;        // time of the last Observe
  uint64_t generation_ns_ = 0;  // when this generation began
  uint64_t moved_ns_ = 0;       // when the use was last seen to change
  uint64_t in_use_ = 0;         // bytes
  uint64_t peak_ = 0;           // bytes
  uint64_t swing_ = 0;          // bytes
  uint64_t floor_ = 0;          // bytes
  bool has_fallen_ = false;
};

}  // namespace spanheap
