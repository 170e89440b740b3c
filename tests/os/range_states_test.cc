// SPDX-License-Identifier: MIT
//
// RangeStates against one state per page in a plain array, with random changes.
#include "os/range_states.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace spanheap::os {
namespace {

constexpr size_t kPages = 64;
constexpr Bytes kPage{4096};
constexpr Address kBase{1U << 20};

Address PageAt(size_t i) { return kBase + kPage * i; }

struct PlainStates {
  std::array<RangeState, kPages> states{};

  bool IsAll(size_t from, size_t n, RangeState state) const {
    for (size_t i = from; i < from + n; ++i) {
      if (states[i] != state) return false;
    }
    return true;
  }
  bool IsKnown(size_t from, size_t n) const {
    for (size_t i = from; i < from + n; ++i) {
      if (states[i] == RangeState::kNone) return false;
    }
    return true;
  }
  size_t RangeCount() const {
    size_t count = 0;
    for (size_t i = 0; i < kPages; ++i) {
      const bool starts = i == 0 || states[i - 1] != states[i];
      if (starts && states[i] != RangeState::kNone) ++count;
    }
    return count;
  }
  size_t Total(RangeState state) const {
    size_t count = 0;
    for (const RangeState s : states) count += s == state ? 1 : 0;
    return count;
  }
};

TEST(RangeStatesTest, AgreesWithAStatePerPage) {
  std::mt19937 random(7);
  RangeStates ranges;
  PlainStates plain;
  for (int step = 0; step < 20000; ++step) {
    const size_t from = random() % kPages;
    const size_t n = 1 + random() % (kPages - from);
    const auto state = static_cast<RangeState>(random() % 3);
    ASSERT_EQ(ranges.IsAll(PageAt(from), kPage * n, state), plain.IsAll(from, n, state));
    ASSERT_EQ(ranges.IsKnown(PageAt(from), kPage * n), plain.IsKnown(from, n));
    const size_t width = 1 + random() % std::min<size_t>(n, 9);
    ranges.Set(PageAt(from), kPage * width, state);
    for (size_t i = from; i < from + width; ++i) plain.states[i] = state;
    ASSERT_EQ(ranges.range_count(), plain.RangeCount());
    for (const RangeState known : {RangeState::kReserved, RangeState::kReady}) {
      ASSERT_EQ(ranges.Total(known), kPage * plain.Total(known));
    }
    ASSERT_EQ(ranges.At(PageAt(from) + 1_B), state);
  }
}

TEST(RangeStatesTest, NothingIsKnownAtFirst) {
  const RangeStates ranges{};
  EXPECT_TRUE(ranges.IsAll(kBase, kPage, RangeState::kNone));
  EXPECT_FALSE(ranges.IsKnown(kBase, kPage));
  EXPECT_EQ(ranges.At(kBase), RangeState::kNone);
}

}  // namespace
}  // namespace spanheap::os
